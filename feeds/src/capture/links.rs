//! Which link a recorded connection was.

use crate::adapter::{Link, LinkId};

/// The recorded connections that are open, and the links they stand for.
///
/// A link may have two at once: a connection is replaced before it is cut.
#[derive(Debug, Default)]
pub(super) struct OpenConns {
    conns: Vec<(String, LinkId)>,
}

impl OpenConns {
    pub(super) fn link(&self, conn: &str) -> Option<LinkId> {
        self.conns.iter().find(|(name, _)| name == conn).map(|(_, link)| *link)
    }

    /// Notes a connection; `None` if its address is no link's.
    pub(super) fn open(&mut self, conn: String, addr: &str, links: &[Link]) -> Option<LinkId> {
        let link = LinkId(links.iter().position(|link| link.url == addr)?);
        self.conns.push((conn, link));
        Some(link)
    }

    /// Forgets a connection; the link that has none left by this.
    pub(super) fn close(&mut self, conn: &str) -> Option<LinkId> {
        let at = self.conns.iter().position(|(name, _)| name == conn)?;
        let (_, link) = self.conns.swap_remove(at);
        (!self.conns.iter().any(|(_, other)| *other == link)).then_some(link)
    }
}
