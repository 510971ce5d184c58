//! The open connections of one feed: starts and ends their tasks as [`LinkState`] decides.

use super::connection::{Connection, Event, SENDS_MAX};
use super::link::{ConnId, LinkState, Loss};
use super::{Backoff, Hosts, Limits};
use crate::access::Access;
use crate::adapter::{Link, LinkId};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

pub(super) struct Sockets {
    links: Vec<(Link, LinkState)>,
    conns: HashMap<ConnId, Conn>,
    next_id: ConnId,
    limits: Limits,
    access: Arc<Access>,
    hosts: Hosts,
    events: mpsc::Sender<Event>,
    /// Dropping it ends every task.
    tasks: JoinSet<()>,
}

struct Conn {
    link: LinkId,
    is_open: bool,
    /// `None` once it is told to close.
    sends: Option<mpsc::Sender<String>>,
}

impl Sockets {
    pub(super) fn new(
        links: &[Link],
        limits: &Limits,
        access: Arc<Access>,
        hosts: Hosts,
        events: mpsc::Sender<Event>,
        now_ms: i64,
    ) -> Sockets {
        let state = |link: &Link| {
            let backoff = Backoff::new(limits.backoff_min_ms, limits.backoff_max_ms, limits.stable_ms);
            (link.clone(), LinkState::new(link.lifetime_ms, backoff, now_ms))
        };
        Sockets {
            links: links.iter().map(state).collect(),
            conns: HashMap::new(),
            next_id: 0,
            limits: limits.clone(),
            access,
            hosts,
            events,
            tasks: JoinSet::new(),
        }
    }

    pub(super) fn links_open(&self) -> usize {
        self.links.iter().filter(|(_, state)| state.is_open()).count()
    }

    pub(super) fn conns_open(&self) -> usize {
        self.conns.values().filter(|conn| conn.is_open).count()
    }

    pub(super) fn link_of(&self, conn: ConnId) -> Option<LinkId> {
        self.conns.get(&conn).map(|conn| conn.link)
    }

    pub(super) fn url_of(&self, link: LinkId) -> &str {
        self.links.get(link.0).map_or("", |(link, _)| &link.url)
    }

    /// When to call [`Sockets::dial_due`].
    pub(super) fn due_ms(&self) -> Option<i64> {
        self.links.iter().filter_map(|(_, state)| state.dial_due_ms()).min()
    }

    /// Dials what is due, as far as the hosts' budgets allow; returns how many.
    pub(super) fn dial_due(&mut self, now_ms: i64) -> u64 {
        while self.tasks.try_join_next().is_some() {}
        let mut dials = 0;
        for index in 0..self.links.len() {
            let (link, state) = &mut self.links[index];
            if state.dial_due_ms().is_none_or(|due_ms| due_ms > now_ms) {
                continue;
            }
            match self.hosts.take_dial(&link.url, self.limits.dials_per_5min, now_ms) {
                Ok(()) => {
                    self.dial(LinkId(index));
                    dials += 1;
                }
                Err(wait_ms) => state.postpone(now_ms + wait_ms),
            }
        }
        dials
    }

    fn dial(&mut self, link: LinkId) {
        let (Link { url, .. }, state) = &mut self.links[link.0];
        self.next_id += 1;
        let id = self.next_id;
        state.dialling(id);
        let (sends, to_send) = mpsc::channel(SENDS_MAX);
        let (url, limits, events) = (url.clone(), self.limits.clone(), self.events.clone());
        let access = self.access.clone();
        self.conns.insert(id, Conn { link, is_open: false, sends: Some(sends) });
        self.tasks.spawn(Connection { id, url, limits, access, events, sends: to_send }.run());
    }

    pub(super) fn opened(&mut self, id: ConnId, now_ms: i64) -> Option<LinkId> {
        let conn = self.conns.get_mut(&id)?;
        conn.is_open = true;
        self.links[conn.link.0].1.opened(id, now_ms);
        Some(conn.link)
    }

    /// A frame came; a connection that has been replaced is closed by it.
    pub(super) fn frame(&mut self, id: ConnId) -> Option<LinkId> {
        let link = self.link_of(id)?;
        if let Some(old) = self.links[link.0].1.frame(id) {
            self.close(old);
        }
        Some(link)
    }

    /// Closes what a quiet successor replaced.
    pub(super) fn check(&mut self, now_ms: i64) {
        let replaced: Vec<ConnId> = self.links.iter_mut().filter_map(|(_, state)| state.check(now_ms)).collect();
        replaced.into_iter().for_each(|old| self.close(old));
    }

    /// A task ended. Was the connection open, and is its link down by this?
    pub(super) fn gone(&mut self, id: ConnId, now_ms: i64, stay_away_ms: Option<i64>) -> Option<(LinkId, bool, Loss)> {
        let conn = self.conns.remove(&id)?;
        let (link, state) = &mut self.links[conn.link.0];
        if let Some(stay_away_ms) = stay_away_ms {
            self.hosts.close_dials(&link.url, now_ms.saturating_add(stay_away_ms));
        }
        let loss = state.gone(id, now_ms, rand::random());
        Some((conn.link, conn.is_open, loss))
    }

    /// Sends on the link's newest open connection; false if there is none or it takes nothing.
    pub(super) fn send(&mut self, link: LinkId, text: String) -> Option<ConnId> {
        let id = self.links.get(link.0)?.1.newest_open()?;
        let sent = self.conns.get(&id)?.sends.as_ref()?.try_send(text);
        if sent.is_err() {
            self.close(id);
            return None;
        }
        Some(id)
    }

    /// Closes all connections of a link; it is dialled again after the usual back-off.
    pub(super) fn reconnect(&mut self, link: LinkId) {
        let ids: Vec<ConnId> = self.conns.iter().filter(|(_, conn)| conn.link == link).map(|(id, _)| *id).collect();
        ids.into_iter().for_each(|id| self.close(id));
    }

    pub(super) fn replace(&mut self, link: LinkId) {
        if let Some((_, state)) = self.links.get_mut(link.0) {
            state.replace();
        }
    }

    fn close(&mut self, id: ConnId) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.sends = None;
        }
    }
}
