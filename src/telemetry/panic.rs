//! What is said when the program panics: where, never what.

use std::fmt;
use std::panic::PanicHookInfo;

use super::VERSION;

/// Where a panic happened. Its message is left out: `expect` puts the error it met into it, and that may hold a
/// value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PanicNotice {
    /// File, line and column in the source.
    pub location: String,
    /// Name of the thread.
    pub thread: String,
}

impl PanicNotice {
    fn new(info: &PanicHookInfo<'_>) -> Self {
        let location = info.location().map_or_else(|| "an unknown place".to_owned(), |at| shorten(&at.to_string()));
        Self { location, thread: std::thread::current().name().unwrap_or("unnamed").to_owned() }
    }

    /// Logs it as an error; with a report client this is also how it is reported.
    pub fn log(&self) {
        tracing::error!(location = %self.location, thread = %self.thread, version = VERSION, "{self}");
    }
}

impl fmt::Display for PanicNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "internal error at {} in thread `{}`: this is a bug in Holdfast {VERSION}, please report it with this line",
            self.location, self.thread
        )
    }
}

/// Without the builder's home directory in front of a library's path.
fn shorten(location: &str) -> String {
    let registry = location.split_once("/registry/src/").and_then(|(_, rest)| rest.split_once('/'));
    registry.map_or(location, |(_, library)| library).to_owned()
}

/// Replaces the process's panic hook: from now on `emit` is handed a notice for each panic. The server hands it to
/// [`PanicNotice::log`], commands print it to stderr.
pub fn install_panic_hook(emit: fn(&PanicNotice)) {
    std::panic::set_hook(Box::new(move |info| emit(&PanicNotice::new(info))));
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    static NOTICES: Mutex<Vec<PanicNotice>> = Mutex::new(Vec::new());

    #[test]
    fn a_notice_names_the_place_and_not_the_message() {
        // The hook is the whole process's, also of tests running beside this one: chain it, and put it back.
        let before = std::panic::take_hook();
        install_panic_hook(|notice| NOTICES.lock().expect("not poisoned").push(notice.clone()));
        let thread = std::thread::Builder::new().name("sealing".to_owned()).spawn(|| panic!("sesame"));
        let joined = thread.expect("a thread").join();
        std::panic::set_hook(before);
        assert!(joined.is_err());
        let notices = NOTICES.lock().expect("not poisoned");
        let notice = notices.iter().find(|notice| notice.thread == "sealing").expect("told");
        assert!(notice.location.starts_with("src/telemetry/panic.rs:"), "{}", notice.location);
        assert!(!notice.to_string().contains("sesame"));
        assert!(notice.to_string().contains(VERSION));
    }

    #[test]
    fn library_paths_lose_the_builders_home() {
        let long = "/home/x/.cargo/registry/src/index.crates.io-1/orion-0.18.1/src/lib.rs:1:2";
        assert_eq!(shorten(long), "orion-0.18.1/src/lib.rs:1:2");
        assert_eq!(shorten("src/app.rs:1:2"), "src/app.rs:1:2");
    }
}
