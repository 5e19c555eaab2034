//! Handlers for addresses that are denied until the station stops.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::Denial;
use crate::access::network;
use crate::api::call::{Call, Handled, done, json};
use crate::api::core::Core;
use crate::api::numbers::some_whole;
use crate::api::problem::Problem;
use crate::time::rfc3339;

/// An address that is denied.
#[derive(Serialize)]
struct Shown {
    id: u64,
    address: Option<String>,
    since: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unwelcome {
    #[serde(default, deserialize_with = "some_whole")]
    listener: Option<u64>,
    address: Option<String>,
    #[serde(default)]
    even_own: bool,
}

/// `GET /api/v1/denied`
pub(crate) fn list(core: &Core, _: &Call<'_>) -> Handled {
    Ok(json(200, &core.server.denials().iter().map(Shown::of).collect::<Vec<_>>()))
}

/// `POST /api/v1/denied`
pub(crate) fn deny(core: &Core, call: &Call<'_>) -> Handled {
    let address = match call.body()? {
        Unwelcome { listener: Some(id), address: None, even_own } => {
            let address = core.server.address_of_listener(id)?.real();
            own_only_if_meant(call, address, even_own)?
        }
        Unwelcome { listener: None, address: Some(text), even_own } => {
            let wrong = || {
                Problem::new("invalid-value", format!("{text:?} is no address: \"192.0.2.1\"")).at("address")
            };
            own_only_if_meant(call, text.parse().map_err(|_| wrong())?, even_own)?
        }
        _ => return Err(Problem::new("invalid-body", "a denial has a listener, or an address")),
    };
    let denial = core.server.deny(address)?;
    Ok(json(201, &Shown::of(&denial)))
}

/// `DELETE /api/v1/denied/{id}`
pub(crate) fn allow(core: &Core, call: &Call<'_>) -> Handled {
    core.server.allow(call.number(0)?)?;
    done()
}

/// Refuses the address from which the request comes, unless that is meant: nobody could undo it from there.
fn own_only_if_meant(call: &Call<'_>, address: IpAddr, even_own: bool) -> Result<IpAddr, Problem> {
    let is_own = network(address) == network(call.request.address().real());
    match is_own && !even_own {
        true => {
            let detail =
                "this is the address that you come from: what is denied can neither listen nor undo this";
            Err(Problem::new("locks-out", detail))
        }
        false => Ok(address),
    }
}

impl Shown {
    fn of(Denial { id, address, since, .. }: &Denial) -> Shown {
        Shown { id: *id, address: address.ip().map(|ip| ip.to_string()), since: rfc3339(*since) }
    }
}
