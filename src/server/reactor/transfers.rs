//! Files that clients send and get, in pieces.

use super::Reactor;
use super::sources::stops;
use crate::http::{Form, HttpAnswer};
use crate::ring::{ArrivingPieces, LeavingPieces};
use crate::server::Moment;
use crate::server::connections::connection::{
    Connection, Downloading, LeavingAnswer, ToCome, TransferLimits,
};
use crate::server::desk::http_request::not_answered;
use crate::server::desk::service::ANSWERS_WITHIN;

impl Reactor {
    /// Hands the body of a request to its service, in pieces.
    pub(super) fn receive_upload(&mut self, key: usize, form: Form, pieces: ArrivingPieces, now: Moment) {
        let limits = self.transfer_limits();
        let connection = &mut self.peers[key].connection;
        let Connection::Waiting(waiting) = &*connection else { return };
        if !matches!(waiting.request.to_come, ToCome::File(_)) {
            return self.deliver_whole(key, form, not_answered(), now);
        }
        if self.stopping.is_some() {
            return self.deliver_whole(key, form.last(), stops(), now);
        }
        connection.receive_upload(pieces, limits, now.instant);
    }

    /// Sends a client a file of this length, whose bytes come in pieces.
    pub(super) fn send_file(
        &mut self,
        key: usize,
        form: Form,
        (answer, length, pieces): (HttpAnswer, u64, LeavingPieces),
        now: Moment,
    ) {
        let form = if self.stopping.is_some() { form.last() } else { form };
        let limits = self.transfer_limits();
        let status = answer.status();
        let head = answer.head_before(form, self.desk.date(now.wall), length);
        let length = if form.is_head { 0 } else { length };
        let answer = LeavingAnswer { status, head, length, pieces, keeps_alive: form.keeps_alive };
        self.peers[key].connection.send_file(answer, limits, now.instant);
    }

    /// Takes leave of a file that its client has got.
    pub(super) fn end_file(&mut self, key: usize, now: Moment) {
        if let Some(downloading) = self.peers[key].connection.file_ended(self.patience, now.instant) {
            self.note_download(*downloading, now);
        }
    }

    pub(super) fn note_download(&mut self, downloading: Downloading, now: Moment) {
        let (visit, status, bytes, took) = downloading.finish(now.instant);
        self.ports.journal.access(visit, status, bytes, took, now.wall);
    }

    fn transfer_limits(&self) -> TransferLimits {
        TransferLimits { stalls_after: self.patience.write_timeout, answers_within: ANSWERS_WITHIN }
    }
}
