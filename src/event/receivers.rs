//! The receivers that applications have. Each is a queue that the hub fills.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::receiver::Inbox;
use crate::error::{Error, Result};

/// The most receivers that a pipeline has, and that a server has, at once.
pub(crate) const MAX_RECEIVERS: usize = 256;

/// The receivers of a pipeline or of a server.
#[derive(Debug, Default)]
pub(crate) struct Receivers(Mutex<Vec<Weak<Inbox>>>);

impl Receivers {
    /// Adds a receiver, if there is room for it. Those that were dropped take none.
    pub fn add(&self, inbox: &Arc<Inbox>) -> Result<()> {
        let mut present = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        present.retain(|inbox| inbox.strong_count() > 0);
        if present.len() >= MAX_RECEIVERS {
            let advice = "drop a receiver first: one receiver can serve many readers";
            return Err(Error::Limit { limit: "MAX_RECEIVERS", most: MAX_RECEIVERS, advice });
        }
        present.push(Arc::downgrade(inbox));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::receiver::EventReceiver;
    use super::*;
    use crate::event::Event;

    #[test]
    fn receivers_are_bounded_and_one_that_is_dropped_makes_room() {
        let receivers = Receivers::default();
        let add = || {
            let receiver = EventReceiver::<Event>::new(1);
            receivers.add(receiver.inbox()).map(|()| receiver)
        };
        let mut kept: Vec<_> = (0..MAX_RECEIVERS).map(|_| add().unwrap()).collect();
        assert!(matches!(add(), Err(Error::Limit { limit: "MAX_RECEIVERS", .. })));
        kept.pop();
        kept.push(add().unwrap());
        assert!(add().is_err());
    }
}
