//! What is logged in this process. Tests run side by side in it, so each looks for lines of its own.

use std::sync::{Mutex, Once};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Log;

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LINES.lock().unwrap().push(record.args().to_string());
    }

    fn flush(&self) {}
}

/// Keeps what is logged from now on.
pub fn keep() {
    static LOG: Once = Once::new();
    LOG.call_once(|| {
        log::set_logger(&Log).unwrap();
        log::set_max_level(log::LevelFilter::Info);
    });
}

/// The lines in which this stands.
pub fn with(mark: &str) -> Vec<String> {
    LINES.lock().unwrap().iter().filter(|line| line.contains(mark)).cloned().collect()
}

/// Forgets all lines, for a test that is alone in its process.
pub fn clear() {
    LINES.lock().unwrap().clear();
}
