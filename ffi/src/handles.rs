//! The table of handles. It is the only global state of this library.
//!
//! A handle is a number. It holds the serial of its object, which is never used twice, and its place in the
//! table. So the table recognises a handle that was closed, was never given out, or stands for another kind
//! of object.
//!
//! A forked child has none of the threads that the parent's objects need. So all handles of the parent are
//! closed in the child. The child may open its own.

use std::any::Any;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::entry::lock;
use crate::failure::{Failure, Outcome};
use crate::log_lines::Sink;

/// How many bits of a handle are its place. They allow 16 million handles at a time, and a million million in
/// all.
const PLACE_BITS: u32 = 24;

/// A type that handles stand for.
pub trait Kind: Any + Send + Sync {
    /// For messages: "a pipeline".
    const WORD: &'static str;
}

/// An object, and the word for its kind.
#[derive(Clone)]
struct Object {
    what: Arc<dyn Any + Send + Sync>,
    word: &'static str,
}

/// The global state of a process. Made on first use, and again in a forked child.
#[derive(Default)]
pub struct Table {
    places: Mutex<Vec<Option<(u64, Object)>>>,
    /// Where log lines go.
    pub log: Mutex<Option<Sink>>,
}

static TABLE: AtomicPtr<Table> = AtomicPtr::new(ptr::null_mut());
/// The parent's table, in a child. It is kept, because a child cannot end the objects in it.
static INHERITED: AtomicPtr<Table> = AtomicPtr::new(ptr::null_mut());
/// The next serial. A child goes on counting.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// The process's table.
pub fn table() -> &'static Table {
    let mut table = TABLE.load(Ordering::Acquire);
    if table.is_null() {
        let new = Box::into_raw(Box::<Table>::default());
        match TABLE.compare_exchange(ptr::null_mut(), new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                table = new;
                on_fork();
            }
            Err(others) => {
                // SAFETY: it was made here and nobody else has seen it.
                drop(unsafe { Box::from_raw(new) });
                table = others;
            }
        }
    }
    // SAFETY: a table that was published is never freed.
    unsafe { &*table }
}

/// Gives out a handle.
pub fn add<T: Kind>(object: T) -> u64 {
    add_shared(Arc::new(object))
}

/// Gives out another handle for an object that exists already.
pub fn add_shared<T: Kind>(object: Arc<T>) -> u64 {
    let serial = NEXT.fetch_add(1, Ordering::Relaxed);
    let entry = Some((serial, Object { what: object, word: T::WORD }));
    let mut places = places();
    let place = match places.iter().position(Option::is_none) {
        Some(free) => {
            places[free] = entry;
            free
        }
        None => {
            places.push(entry);
            places.len() - 1
        }
    };
    serial << PLACE_BITS | place as u64
}

/// The object that a handle stands for.
pub fn find<T: Kind>(handle: u64) -> Outcome<Arc<T>> {
    let (serial, place) = parts(handle);
    let Object { what, word } = match places().get(place) {
        Some(Some((known, object))) if *known == serial => object.clone(),
        _ => return Err(nothing::<T>(handle)),
    };
    what.downcast()
        .map_err(|_| Failure::bad_handle(format!("the handle {handle} is {word}, not {}", T::WORD)))
}

/// Closes a handle and returns its object. `None` if the handle was closed already, or is zero.
///
/// # Errors
/// If it stands for another kind of object, or was never given out.
pub fn close<T: Kind>(handle: u64) -> Outcome<Option<Arc<T>>> {
    let (serial, place) = parts(handle);
    if handle == 0 {
        return Ok(None);
    }
    if serial == 0 || serial >= NEXT.load(Ordering::Relaxed) {
        return Err(nothing::<T>(handle));
    }
    match find::<T>(handle) {
        Ok(object) => {
            let mut places = places();
            // Another thread may have closed it meanwhile.
            if let Some(slot) = places.get_mut(place)
                && slot.as_ref().is_some_and(|(known, _)| *known == serial)
            {
                *slot = None;
                return Ok(Some(object));
            }
            Ok(None)
        }
        Err(failure) => match places().get(place) {
            Some(Some((known, _))) if *known == serial => Err(failure),
            _ => Ok(None),
        },
    }
}

fn parts(handle: u64) -> (u64, usize) {
    (handle >> PLACE_BITS, (handle & ((1 << PLACE_BITS) - 1)) as usize)
}

fn nothing<T: Kind>(handle: u64) -> Failure {
    let reason = match parts(handle).0 {
        _ if handle == 0 => "a handle of zero stands for nothing".into(),
        serial if serial == 0 || serial >= NEXT.load(Ordering::Relaxed) => {
            format!("the handle {handle} was never given out")
        }
        _ => {
            format!("the handle {handle} was closed, or belongs to the process that this one was forked from")
        }
    };
    Failure::bad_handle(format!("{} is expected: {reason}", T::WORD))
}

fn places() -> MutexGuard<'static, Vec<Option<(u64, Object)>>> {
    lock(&table().places)
}

/// Makes a forked child begin with an empty table. The child never reads the old one, because threads that it
/// does not have may have held its locks.
fn on_fork() {
    extern "C" fn in_child() {
        INHERITED.store(TABLE.swap(ptr::null_mut(), Ordering::AcqRel), Ordering::Release);
    }
    // SAFETY: the handler does nothing but two atomic stores. The C library forgets it when the library is
    // unloaded. If there is no memory for it, a forked child can hang on a lock, as it can in any program;
    // nothing else changes.
    unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
}
