//! Handlers for the inbox of the library: shows that users send.

use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use crate::access::{Identity, Right};
use crate::api::call::{Call, Handled, done, json};
use crate::api::core::{Core, FILE_WITHIN};
use crate::api::guard::changed_meanwhile;
use crate::api::problem::Problem;
use crate::api::service::conclude;
use crate::error::is_passing;
use crate::filework::{HANGS_AFTER, Job};
use crate::json::{InboxDocument, InboxFile};
use crate::ring::PIECE;
use crate::{Error, HttpRequest, Inbox, InboxUpload, Library};

/// `GET /api/v1/library/inbox`
pub(crate) fn list(core: &Core, _: &Call<'_>) -> Handled {
    let inbox = inbox(core)?;
    let own = inbox.clone();
    let listed = core.files.within(inbox.folder(), FILE_WITHIN, move |_| own.list())?;
    let files = listed.map_err(problem)?;
    Ok(json(200, &InboxDocument::of(&files, inbox.limits(), &**core.media.load())))
}

/// `PUT /api/v1/library/inbox/{name}`: a file of whoever sends it.
pub(crate) fn upload(core: &Arc<Core>, request: HttpRequest, held: &[String], who: &Identity) {
    let inbox = match inbox(core) {
        Ok(inbox) => inbox,
        Err(problem) => return conclude(core, Some(who), request, Err(problem)),
    };
    let path = path_of(&inbox, &who.name, &held[0]);
    let (own, by, name) = (Arc::clone(core), who.clone(), held[0].clone());
    core.transfer(who, &path, request, move |mut request, job| {
        // Another thread looks at the disk, and may hang there.
        job.rest();
        let handled = match begin(&own, inbox, &request, &name, &by) {
            Ok(upload) => receive(&own, &mut request, upload, &by, job),
            Err(problem) => Some(Err(problem)),
        };
        // Without an answer: the client has gone, and the reactor has said so.
        let Some(handled) = handled else { return };
        conclude(&own, Some(&by), request, handled);
    });
}

/// `DELETE /api/v1/library/inbox/{name}`: a file of one's own; of another `user` by an admin.
pub(crate) fn remove(core: &Core, call: &Call<'_>) -> Handled {
    let who = call.user();
    let user = call.request.parameter("user").unwrap_or_else(|| who.name.clone());
    if user != who.name && !who.role.may(Right::Change) {
        let detail = format!("{} may remove only files of their own: this needs an admin", who.name);
        return Err(Problem::new("forbidden", detail));
    }
    let (inbox, name) = (inbox(core)?, call.held[0].clone());
    let path = path_of(&inbox, &user, &name);
    let removed = core.files.within(&path, FILE_WITHIN, move |_| inbox.remove(&user, &name))?;
    removed.map_err(problem)?;
    done()
}

/// Begins to take a file, if it may come.
fn begin(
    core: &Core,
    inbox: Inbox,
    request: &HttpRequest,
    name: &str,
    who: &Identity,
) -> Result<InboxUpload, Problem> {
    let call = Call { request, held: &[], who: Some(who) };
    let replace = call.parameter("replace")?.unwrap_or(false);
    if !request.awaits_body() {
        return Err(Problem::new(
            "invalid-value",
            "the file is the body of the request, and this one has none",
        )
        .at("body"));
    }
    let length = request.header("content-length").and_then(|length| length.parse().ok());
    let path = path_of(&inbox, &who.name, name);
    let (user, name) = (who.name.clone(), name.to_owned());
    let begun = core
        .files
        .of_user(&who.name)
        .within(&path, FILE_WITHIN, move |_| inbox.receive(&user, &name, replace, length))?;
    begun.map_err(problem)
}

/// Takes the file. `None` if the client broke off.
fn receive(
    core: &Core,
    request: &mut HttpRequest,
    mut upload: InboxUpload,
    who: &Identity,
    job: &Job,
) -> Option<Handled> {
    let mut body = request.receive_upload();
    let mut piece = vec![0; PIECE];
    loop {
        job.rest();
        let count = body.read(&mut piece).ok()?;
        job.step();
        if count == 0 {
            break;
        }
        let failed = |cause| Error::Io { doing: "taking a file into the inbox", cause };
        if let Err(error) = upload.write_all(&piece[..count]) {
            return Some(Err(problem(failed(error))));
        }
    }
    // It may have taken hours.
    if !core.guard.still_knows(who) {
        return Some(Err(changed_meanwhile()));
    }
    let finished = upload.finish().map_err(problem);
    Some(finished.map(|file| json(201, &InboxFile::of(&file, &**core.media.load()))))
}

fn inbox(core: &Core) -> Result<Inbox, Problem> {
    let inbox = core.library.as_ref().and_then(Library::inbox);
    inbox.ok_or_else(|| Problem::new("not-found", "there is no inbox: set inbox in the table [library]"))
}

/// Where a file is, to say what hangs. It touches no file.
fn path_of(inbox: &Inbox, user: &str, name: &str) -> PathBuf {
    // A name that leads elsewhere is refused later.
    let name = name.replace(['/', '\0'], "_");
    inbox.folder().join(user).join(name)
}

fn problem(error: Error) -> Problem {
    let Error::Io { cause, .. } = &error else { return error.into() };
    let detail = cause.to_string();
    match cause.kind() {
        ErrorKind::FileTooLarge if cause.raw_os_error().is_none() => Problem::new("too-large", detail),
        ErrorKind::QuotaExceeded if cause.raw_os_error().is_none() => Problem::new("limit-reached", detail),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            let detail = format!("the disk of the inbox has no room for it: {detail}");
            Problem::new("disk-full", detail)
        }
        _ if is_passing(cause) => {
            let detail = format!("the disk of the inbox fails: {detail}");
            Problem::new("file-hangs", detail).retry_after(HANGS_AFTER)
        }
        _ => error.into(),
    }
}
