//! What sources ask for that speak ICY, the protocol of SHOUTcast 1: whether their login is good, and titles
//! by `/admin.cgi`.

use super::admin::{response, set_title, value};
use super::call::{Call, Handled};
use super::core::Core;
use super::door;
use super::problem::Problem;
use crate::access::Identity;
use crate::event::is_same_user;
use crate::http::IcyLogin;
use crate::path_text;
use crate::percent;
use crate::pipeline::NoPlace;
use crate::{HttpAnswer, HttpRequest};

/// Answers the login of a user who may send: whether there is a place, as far as it is known before the
/// headers. A program shows what it is told now; behind its headers it expects nothing any more.
pub(super) fn welcome(core: &Core, request: HttpRequest, who: &Identity) {
    match look(core, &door::path_of(&request), who) {
        Ok(()) => request.answer(HttpAnswer::empty(200)),
        Err(problem) => door::refuse(core, request, &who.name, &problem),
    }
}

/// Whether a source of this user could have the path now. The door judges it once more when it comes.
fn look(core: &Core, path: &str, who: &Identity) -> Result<(), Problem> {
    let own = door::own_paths(core, who);
    if !own.iter().any(|known| known == path) {
        let choice = door::choice(&own, who);
        return Err(Problem::new("forbidden", format!("there is no path {path} for this login: {choice}")));
    }
    door::check_slot(who)?;
    let holder = core.sources.list().into_iter().find(|source| &*source.path == path);
    let is_held = holder.is_some();
    // A user's own connection may be dead. The door judges that.
    match holder.filter(|holder| !is_same_user(&holder.info.user, &who.name)) {
        Some(holder) => {
            let taken = NoPlace::InUse { user: holder.info.user.clone(), since: holder.since };
            Err(Problem::new("in-use", taken.to_string()))
        }
        // Whoever has the path makes room for themselves.
        None if !is_held && !core.server.has_source_seat() => Err(door::full()),
        None => Ok(()),
    }
}

/// The login in the query of `/admin.cgi`, in the same form as in a password line. A plus is a plus: some
/// programs write the password as it is.
pub(super) fn pass(request: &HttpRequest) -> Option<IcyLogin> {
    let pass = request.query().split('&').find_map(|pair| pair.strip_prefix("pass="))?;
    IcyLogin::of(&path_text::shown(&percent::decode(pass.as_bytes())))
}

/// `GET /admin.cgi?mode=updinfo&pass=…&song=`. Other parameters are ignored, and there is no other mode.
pub(crate) fn admin(core: &Core, call: &Call<'_>) -> Handled {
    if value(call, "mode").as_deref() != Some(b"updinfo") {
        return Ok(response(400, "Only mode=updinfo is here; all else is below /api/v1/", 0));
    }
    let named = value(call, "mount").and_then(|mount| String::from_utf8(mount).ok());
    let mount = named.or_else(|| pass(call.request)?.mount);
    set_title(core, call, Some(mount.unwrap_or_else(|| core.server.icy_mount().to_owned())))
}
