//! What threads find, together and in bounded memory.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::scan::own::{self, Candidate, DIGEST_LEN, ScanKey};
use crate::scan::report::{Located, Scanned, Skipped};
use crate::scan::{Finding, Scanner, is_binary, utf16};
use crate::types::SecretBytes;

/// Most findings of one report.
const FOUND_MAX: usize = 10_000;
/// Most files that are named as left out.
const SKIPPED_MAX: usize = 10_000;
/// Most different texts compared with own values.
const CANDIDATES_MAX: usize = 2_000_000;
/// Most places kept of one text.
const PLACES_MAX: usize = 16;

/// Where a text is from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) path: &'a str,
    pub(super) commit: Option<&'a str>,
}

/// A text that may be an own value.
pub(super) struct Text {
    pub(super) value: SecretBytes,
    pub(super) places: Vec<Place>,
}

/// Where it stands.
pub(super) struct Place {
    pub(super) path: String,
    pub(super) commit: Option<String>,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// Texts by their hash under the scan's key.
pub(super) type Candidates = HashMap<[u8; DIGEST_LEN], Text>;

#[derive(Default)]
struct State {
    found: Vec<Located>,
    scanned: Scanned,
    candidates: Candidates,
}

/// Scans texts, and keeps what is found.
pub(super) struct Collector {
    scanner: Scanner,
    key: Option<ScanKey>,
    /// The baseline: it holds random text.
    passed_by: String,
    state: Mutex<State>,
}

impl Collector {
    /// With a key, texts are kept to be compared with own values. The file `passed_by` is not scanned.
    pub(super) fn new(scanner: Scanner, key: Option<&[u8; 32]>, passed_by: String) -> Self {
        Self { scanner, key: key.map(ScanKey::new), passed_by, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Scans a text. `line` gives the line in the file of a line in the text.
    pub(super) fn text(&self, from: Origin<'_>, content: &[u8], line: impl Fn(usize) -> usize) {
        if from.path == self.passed_by {
            return;
        }
        let decoded = utf16(content);
        let content = decoded.as_ref().map_or(content, |text| text.as_bytes());
        if is_binary(content) {
            return self.left_out(from.path, "not text", false);
        }
        let findings = self.scanner.scan(from.path, content);
        let texts = self.texts(from, content, &line);
        let mut state = self.state();
        state.scanned.files += 1;
        state.scanned.bytes += u64::try_from(content.len()).unwrap_or(u64::MAX);
        for mut finding in findings {
            finding.line = line(finding.line);
            state.push(from, finding);
        }
        for (digest, text) in texts {
            state.keep(digest, text);
        }
    }

    fn texts(&self, from: Origin<'_>, content: &[u8], line: &impl Fn(usize) -> usize) -> Candidates {
        let mut texts = Candidates::new();
        let Some(key) = &self.key else { return texts };
        own::candidates(content, |candidate: Candidate<'_>| {
            let digest = key.digest(candidate.value);
            let text = texts
                .entry(digest)
                .or_insert_with(|| Text { value: SecretBytes::new(candidate.value.to_vec()), places: Vec::new() });
            let line = line(candidate.line);
            // One line gives the same text several times, with and without quotes.
            if text.places.len() < PLACES_MAX && text.places.last().is_none_or(|p| p.line != line) {
                let column = 1 + candidate.before.iter().filter(|b| **b & 0xc0 != 0x80).count();
                let commit = from.commit.map(str::to_owned);
                text.places.push(Place { path: from.path.to_owned(), commit, line, column });
            }
        });
        texts
    }

    /// Notes what is not scanned; with `is_problem`, the answer is incomplete.
    pub(super) fn left_out(&self, path: &str, reason: &str, is_problem: bool) {
        let mut state = self.state();
        if state.scanned.skipped.len() < SKIPPED_MAX {
            state.scanned.skipped.push(Skipped { path: path.to_owned(), reason: reason.to_owned(), is_problem });
        }
    }

    /// Whether the report is full: nothing more is worth scanning.
    pub(super) fn is_full(&self) -> bool {
        self.state().scanned.cut
    }

    /// Everything, in order of places.
    pub(super) fn finish(self) -> (Vec<Located>, Scanned, Candidates) {
        let mut state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.scanned.skipped.sort();
        (state.found, state.scanned, state.candidates)
    }
}

impl State {
    fn push(&mut self, from: Origin<'_>, finding: Finding) {
        if self.found.len() >= FOUND_MAX {
            self.scanned.cut = true;
            return;
        }
        // A merge brings its branch's lines again.
        let again = |f: &Located| {
            f.path == from.path
                && f.finding.rule == finding.rule
                && f.finding.secret.expose() == finding.secret.expose()
        };
        if from.commit.is_some() && self.found.iter().any(again) {
            return;
        }
        let (path, commit) = (from.path.to_owned(), from.commit.map(str::to_owned));
        self.found.push(Located { path, commit, finding, own: None });
    }

    fn keep(&mut self, digest: [u8; DIGEST_LEN], text: Text) {
        let is_full = self.candidates.len() >= CANDIDATES_MAX;
        match self.candidates.entry(digest) {
            Entry::Occupied(mut kept) => {
                let places = &mut kept.get_mut().places;
                let room = PLACES_MAX.saturating_sub(places.len());
                places.extend(text.places.into_iter().take(room));
            }
            Entry::Vacant(_) if is_full => self.scanned.cut = true,
            Entry::Vacant(free) => {
                free.insert(text);
            }
        }
    }
}
