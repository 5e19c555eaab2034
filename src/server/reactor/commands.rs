//! Carries out the commands that handles send to the reactor.

use std::sync::Arc;

use crossbeam::channel::Sender;
use ipnet::IpNet;

use super::Reactor;
use crate::error::CloseReason;
use crate::server::Moment;
use crate::server::client_address::ClientAddress;
use crate::server::connections::limits::Limits;
use crate::server::connections::shares::ShareLimits;
use crate::server::desk::proxies::Proxies;
use crate::server::desk::service::Service;
use crate::server::listener_info::Page;
use crate::server::mount_settings::MountSettings;
use crate::server::mounts::event_backlog::EventBacklog;
use crate::server::mounts::info::MountBoard;
use crate::server::mounts::mount::Mount;
use crate::server::page::FrontPage;
use crate::server::shelf::{RoomBoard, Swap};

/// A command to the reactor. The sender gets the result when it is done.
pub(crate) enum Command {
    AddMount(Box<Mount>, Sender<()>),
    RemoveMount(Arc<MountBoard>, Sender<()>),
    /// A mount is declared that may be off the air, or is not declared any more (`None`).
    Declare(String, Option<Arc<MountSettings>>, Sender<()>),
    AddEvents(Box<EventBacklog>, Sender<()>),
    AddService(Service, Sender<()>),
    /// Lists some of the listeners, from this key on.
    Page(usize, Option<String>, Sender<Page>),
    Kick(u64, Sender<bool>),
    /// The real address of a listener.
    AddressOf(u64, Sender<Option<ClientAddress>>),
    /// These are denied from now on, beside those of the settings. The listeners of the second go.
    Deny(Box<[IpNet]>, Option<IpNet>, Sender<()>),
    /// These paths are answered with 503 until somebody takes them.
    Expect(Vec<String>, Sender<()>),
    /// This path is not expected any more.
    ExpectNoMore(String, Sender<()>),
    Reconfigure(Limits, ShareLimits, Box<Proxies>, Sender<()>),
    UpdateMount {
        board: Arc<MountBoard>,
        settings: Arc<MountSettings>,
        ring: Box<[u8]>,
        reply: Sender<()>,
    },
    OpenRoom(Arc<RoomBoard>, Sender<()>),
    /// Changes what a room of the shelf has.
    Shelve(Arc<RoomBoard>, Swap),
    CloseRoom(Arc<RoomBoard>),
    /// Shows this page at `/`.
    ShowPage(Box<FrontPage>, Sender<()>),
    Stop,
    /// Runs code of a test on the reactor thread.
    #[cfg(test)]
    Run(Box<dyn FnOnce() + Send>),
}

impl Reactor {
    pub(super) fn run_commands(&mut self, now: Moment) {
        while let Ok(command) = self.ports.commands.try_recv() {
            match command {
                Command::AddMount(mount, reply) => {
                    // The reactor may not have seen yet that the writer of the former mount is gone.
                    if let Some(key) = self.mounts.find(&mount.path) {
                        self.end_mount(key, CloseReason::MountEnded, now);
                    }
                    self.desk.expected.remove(&mount.path);
                    self.mounts.add(*mount);
                    let _ = reply.send(());
                }
                Command::RemoveMount(board, reply) => {
                    let key = self.mounts.find(&board.path);
                    if let Some(key) = key.filter(|key| Arc::ptr_eq(&self.mounts.get(*key).board, &board)) {
                        self.end_mount(key, CloseReason::MountEnded, now);
                    }
                    let _ = reply.send(());
                }
                Command::Declare(path, settings, reply) => {
                    self.mounts.declare(&path, settings);
                    let _ = reply.send(());
                }
                Command::AddEvents(stream, reply) => {
                    self.events.add(*stream);
                    let _ = reply.send(());
                }
                Command::AddService(service, reply) => {
                    self.desk.add_service(service);
                    let _ = reply.send(());
                }
                Command::Page(from, mount, reply) => {
                    let _ = reply.send(self.page(from, mount.as_deref(), now));
                }
                Command::Kick(id, reply) => {
                    let _ = reply.send(self.kick(id, now));
                }
                Command::AddressOf(id, reply) => {
                    let _ = reply.send(self.address_of(id));
                }
                Command::Deny(networks, gone, reply) => {
                    self.desk.set_denied(networks);
                    gone.into_iter().for_each(|network| self.kick_network(&network, now));
                    let _ = reply.send(());
                }
                Command::Expect(paths, reply) => {
                    self.desk.expected.add(paths);
                    let _ = reply.send(());
                }
                Command::ExpectNoMore(path, reply) => {
                    self.desk.expected.remove(&path);
                    let _ = reply.send(());
                }
                Command::Reconfigure(limits, shares, proxies, reply) => {
                    self.limits = limits;
                    self.limits.show(&self.ports.counters);
                    self.shares.set_limits(shares);
                    self.desk.set_proxies(*proxies);
                    let _ = reply.send(());
                }
                Command::UpdateMount { board, settings, ring, reply } => {
                    if let Some(mount) = self.mounts.with_board(&board) {
                        self.mounts.get_mut(mount).apply_settings(settings, ring);
                    }
                    let _ = reply.send(());
                }
                Command::OpenRoom(room, reply) => {
                    room.paths.iter().for_each(|path| self.desk.expected.remove(path));
                    self.desk.shelf.open(room);
                    let _ = reply.send(());
                }
                Command::Shelve(room, swap) => self.desk.shelf.swap(&room, swap, &self.ports.counters),
                Command::CloseRoom(room) => {
                    self.desk.shelf.close(&room, &self.ports.counters);
                    match self.desk.shelf.named(&room.name) {
                        Some(next) => self.desk.audience.go_on(&room, next),
                        None => self.end_audience(Some(&room), CloseReason::MountEnded, now),
                    }
                }
                Command::ShowPage(page, reply) => {
                    self.desk.page = Some(page);
                    let _ = reply.send(());
                }
                Command::Stop => self.wind_up(now),
                #[cfg(test)]
                Command::Run(run) => run(),
            }
        }
    }
}
