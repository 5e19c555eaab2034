//! Changes of a server and of its mounts while listeners stay.

use std::sync::Arc;

use super::Server;
use super::connections::limits::Limits;
use super::mount_settings::MountSettings;
use super::mounts::fallbacks;
use super::mounts::writer::FallbackRule;
use super::reactor::Command;
use super::settings::ServerSettings;
use crate::error::{Error, Result};

impl Server {
    /// Applies the settings that can change while it runs: `max_listeners`, `max_event_clients`,
    /// `max_sources`, the limits of each address, `deny`, `metrics_allow`, `public_url`, `trusted_proxies`,
    /// `access_log`, `access_log_api` and `addresses`. No client is closed for it. The other settings stay as
    /// they are.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings that cannot work; nothing changes then. [`Error::Stopped`] once it was
    /// stopped.
    pub fn reconfigure(&self, settings: &ServerSettings) -> Result<()> {
        settings.check()?;
        // Without `..`: a new setting is either applied here, or named as one that needs a restart.
        let ServerSettings {
            max_listeners,
            max_event_clients,
            max_sources,
            // In `shares`.
            max_connections_per_address: _,
            max_listeners_per_address: _,
            max_event_clients_per_address: _,
            // In `proxies`.
            deny: _,
            metrics_allow: _,
            public_url: _,
            trusted_proxies: _,
            // In `access`.
            access_log: _,
            access_log_api: _,
            addresses: _,
            // These need a restart.
            listen: _,
            icy_listen: _,
            icy_mount: _,
            burst: _,
            write_timeout: _,
            header_timeout: _,
        } = settings;
        let limits = Limits::claim(*max_listeners, *max_event_clients, *max_sources)?;
        let proxies = settings.proxies()?;
        let access = self.inner.access.prepared(settings)?;
        self.inner.ask(|reply| Command::Reconfigure(limits, settings.shares(), Box::new(proxies), reply))?;
        self.inner.access.apply(access);
        Ok(())
    }

    /// Applies new settings to a mount, and its listeners stay. New listeners get the new headers, and the
    /// new limit holds for them. The path and the content type must be as before.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such mount; [`Error::Setting`] for settings that cannot work;
    /// nothing changes then.
    pub fn update_mount(&self, settings: MountSettings) -> Result<()> {
        self.update_mount_by(settings, FallbackRule::Works)
    }

    /// The same by another rule for its fallback.
    pub(crate) fn update_mount_by(&self, settings: MountSettings, fallback: FallbackRule) -> Result<()> {
        settings.check()?;
        let inner = &self.inner;
        let missing = || Error::NotFound(format!("mount {}", settings.path));
        let board = inner.registry.find(&settings.path).ok_or_else(missing)?;
        let before = board.settings();
        if before.content_type != settings.content_type {
            let reason = format!(
                "{} is {}: its listeners cannot go on with {}",
                settings.path, before.content_type, settings.content_type
            );
            return Err(Error::setting("content_type", reason));
        }
        if fallback == FallbackRule::Works {
            let others: Vec<_> = inner.registry.all().iter().map(|other| other.settings()).collect();
            let others: Vec<_> =
                others.iter().map(|other| &**other).filter(|other| other.path != settings.path).collect();
            fallbacks::check(&settings, &others)
                .map_err(|reason| Error::setting("fallback_mount", reason))?;
        }
        // Allocated here, so that the reactor need not do it.
        let ring = vec![0; settings.backlog_bytes(&inner.started_with)].into_boxed_slice();
        let settings = Arc::new(settings);
        board.set_settings(Arc::clone(&settings));
        inner.ask(|reply| Command::UpdateMount { board, settings, ring, reply })
    }
}
