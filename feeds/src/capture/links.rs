//! Which link a recorded connection was.

use crate::adapter::{Link, LinkId};

/// The recorded connections that are open, and the links they stand for.
///
/// A link may have two at once: a connection is replaced before it is cut.
#[derive(Debug, Default)]
pub(super) struct OpenConns {
    conns: Vec<(String, LinkId)>,
    /// An address was seen: whoever has none is no connection of ours.
    has_addrs: bool,
}

impl OpenConns {
    pub(super) fn link(&self, conn: &str) -> Option<LinkId> {
        self.conns.iter().find(|(name, _)| name == conn).map(|(_, link)| *link)
    }

    /// Notes a connection; `None` if its address is no link's.
    pub(super) fn open(&mut self, conn: String, addr: &str, links: &[Link]) -> Option<LinkId> {
        self.has_addrs = true;
        let link = LinkId(links.iter().position(|link| link.url == addr)?);
        self.conns.push((conn, link));
        Some(link)
    }

    /// Notes a connection by its first frame, in a recording that says nothing of connections: the first link's.
    /// `None` if it is known, or if there is none.
    pub(super) fn open_unsaid(&mut self, conn: &str, links: &[Link]) -> Option<LinkId> {
        let is_new = !self.has_addrs && !links.is_empty() && self.link(conn).is_none();
        is_new.then(|| {
            self.conns.push((conn.to_owned(), LinkId(0)));
            LinkId(0)
        })
    }

    /// Forgets a connection; the link that has none left by this.
    pub(super) fn close(&mut self, conn: &str) -> Option<LinkId> {
        let at = self.conns.iter().position(|(name, _)| name == conn)?;
        let (_, link) = self.conns.swap_remove(at);
        (!self.conns.iter().any(|(_, other)| *other == link)).then_some(link)
    }
}
