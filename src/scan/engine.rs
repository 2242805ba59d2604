//! One pass over a text: where something may be, whether it is, and which of several findings counts.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};
use memchr::{memchr_iter, memchr2_iter, memchr3_iter};
use regex::bytes::{Regex, RegexBuilder};

use super::benign::is_placeholder;
use super::entropy::shannon;
use super::generic::{self, Kind};
use super::ignored::is_ignored;
use super::rules::{self, RULES, Rule, RuleInfo};
use super::structured::{self, Span};
use crate::types::SecretBytes;

/// Most findings of one text: a file full of them is one problem, not a million.
pub(super) const FINDINGS_MAX: usize = 1_000;
/// Bytes from a keyword in which a match must end.
const MATCH_MAX: usize = 4 * 1024;

/// A secret in a text.
#[derive(Debug)]
pub struct Finding {
    /// What it was found by.
    pub rule: RuleInfo,
    /// Its line, from 1.
    pub line: usize,
    /// Its column in characters, from 1.
    pub column: usize,
    /// What was found. Never printed.
    pub secret: SecretBytes,
}

/// What a keyword leads to.
#[derive(Debug, Clone, Copy)]
enum Trigger {
    Pattern(usize),
    Name,
    PrivateKey,
    Url,
    Jwt,
    Holdfast,
    Basic,
    Bearer,
}

/// Which of two findings in one place counts: the more certain one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Certainty {
    Form,
    Name,
    Entropy,
}

struct Hit {
    certainty: Certainty,
    rule: RuleInfo,
    span: Span,
}

/// The rules, compiled once; shared by threads.
pub struct Scanner {
    automaton: AhoCorasick,
    /// By pattern of the automaton: the keyword, and what it leads to.
    triggers: Vec<(&'static str, Vec<Trigger>)>,
    patterns: Vec<Regex>,
}

impl Scanner {
    /// Compiles the rules.
    #[expect(clippy::missing_panics_doc, reason = "the rules are constants; a test compiles them")]
    pub fn new() -> Self {
        let mut by_keyword: BTreeMap<&'static str, Vec<Trigger>> = BTreeMap::new();
        for (index, rule) in RULES.iter().enumerate() {
            for keyword in rule.keywords {
                by_keyword.entry(keyword).or_default().push(Trigger::Pattern(index));
            }
        }
        for name in generic::NAMES {
            by_keyword.entry(name).or_default().push(Trigger::Name);
        }
        let code = [
            ("PRIVATE KEY", Trigger::PrivateKey),
            ("://", Trigger::Url),
            ("eyJ", Trigger::Jwt),
            ("hf_", Trigger::Holdfast),
            ("basic ", Trigger::Basic),
            ("bearer ", Trigger::Bearer),
        ];
        for (keyword, trigger) in code {
            by_keyword.entry(keyword).or_default().push(trigger);
        }
        let triggers: Vec<_> = by_keyword.into_iter().collect();
        let automaton = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(triggers.iter().map(|(keyword, _)| keyword))
            .expect("the keywords are few and short");
        let compile = |rule: &Rule| {
            let pattern = if rule.lookback == 0 { format!(r"\A(?:{})", rule.pattern) } else { rule.pattern.to_owned() };
            RegexBuilder::new(&pattern).unicode(false).build().expect("the patterns are constants")
        };
        let patterns = RULES.iter().map(compile).collect();
        Self { automaton, triggers, patterns }
    }

    /// The secrets of a text, in order. `path` says what kind of file it is, by its name.
    pub fn scan(&self, path: &str, content: &[u8]) -> Vec<Finding> {
        let kind = Kind::of(path);
        let mut hits = Vec::new();
        for found in self.automaton.find_overlapping_iter(content) {
            let (keyword, triggers) = &self.triggers[found.pattern().as_usize()];
            for trigger in triggers {
                if let Some(hit) = self.pull(*trigger, keyword, content, kind, (found.start(), found.end())) {
                    hits.push(hit);
                }
            }
            if hits.len() >= FINDINGS_MAX {
                break;
            }
        }
        let entropy = |span| Hit { certainty: Certainty::Entropy, rule: rules::ENTROPY, span };
        let quotes = memchr3_iter(b'"', b'\'', b'`', content);
        hits.extend(quotes.filter_map(|at| generic::drawn(content, kind, at)).take(FINDINGS_MAX).map(entropy));
        if kind.is_config {
            let signs = memchr2_iter(b'=', b':', content);
            let found = signs.filter_map(|at| generic::drawn_unquoted(content, kind, at));
            hits.extend(found.take(FINDINGS_MAX).map(entropy));
        }
        placed(content, chosen(hits))
    }

    fn pull(&self, trigger: Trigger, keyword: &str, content: &[u8], kind: Kind, at: Span) -> Option<Hit> {
        let (begin, end) = at;
        let form = |rule, span: Option<Span>| span.map(|span| Hit { certainty: Certainty::Form, rule, span });
        match trigger {
            Trigger::Pattern(index) => {
                let rule = &RULES[index];
                let info = RuleInfo { id: rule.id, title: rule.title };
                form(info, self.matched(index, rule, keyword, content, at))
            }
            Trigger::Name => generic::assigned(content, kind, begin, end).map(|span| Hit {
                certainty: Certainty::Name,
                rule: rules::ASSIGNED,
                span,
            }),
            Trigger::PrivateKey => form(rules::PRIVATE_KEY, structured::private_key(content, begin)),
            Trigger::Url => form(rules::URL_PASSWORD, structured::url_password(content, begin)),
            Trigger::Jwt => form(rules::JWT, structured::jwt(content, begin)),
            Trigger::Holdfast => form(rules::HOLDFAST, structured::holdfast(content, begin)),
            Trigger::Basic => form(rules::AUTH_HEADER, structured::auth_header(content, end, true)),
            Trigger::Bearer => form(rules::AUTH_HEADER, structured::auth_header(content, end, false)),
        }
    }

    fn matched(&self, index: usize, rule: &Rule, keyword: &str, content: &[u8], at: Span) -> Option<Span> {
        let (begin, end) = at;
        // The automaton takes any case; issuers do not.
        if &content[begin..end] != keyword.as_bytes() {
            return None;
        }
        let from = begin.saturating_sub(rule.lookback);
        let to = content.len().min(begin + MATCH_MAX);
        let found = self.patterns[index].captures(&content[from..to])?;
        let all = found.get(0)?;
        let (first, last) = (from + all.start(), from + all.end());
        let inside = |at: usize| content.get(at).is_some_and(u8::is_ascii_alphanumeric);
        let begins_inside = content[first].is_ascii_alphanumeric() && first > 0 && inside(first - 1);
        let is_around = first <= begin && last >= end;
        if !is_around || begins_inside || (inside(last) && content[last - 1].is_ascii_alphanumeric()) {
            return None;
        }
        let secret = found.name("s").unwrap_or(all);
        let span = (from + secret.start(), from + secret.end());
        let text = &content[span.0..span.1];
        (shannon(text) >= rule.entropy && !is_placeholder(text)).then_some(span)
    }
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

/// Of findings that overlap, the most certain; of equally certain ones, the first.
fn chosen(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by_key(|hit| (hit.certainty, hit.span));
    let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
    hits.retain(|hit| {
        let (begin, end) = hit.span;
        let overlaps = taken.range(..end).next_back().is_some_and(|(_, last)| *last > begin);
        if !overlaps {
            taken.insert(begin, end);
        }
        !overlaps
    });
    hits.sort_by_key(|hit| hit.span);
    hits.truncate(FINDINGS_MAX);
    hits
}

/// Findings with their lines and columns, without those a comment lets pass.
fn placed(content: &[u8], hits: Vec<Hit>) -> Vec<Finding> {
    let mut found = Vec::with_capacity(hits.len());
    let (mut line, mut seen) = (1, 0);
    for hit in hits {
        let (begin, end) = hit.span;
        line += memchr_iter(b'\n', &content[seen..begin]).count();
        seen = begin;
        if is_ignored(content, begin, hit.rule.id) {
            continue;
        }
        let line_begin = memchr::memrchr(b'\n', &content[..begin]).map_or(0, |n| n + 1);
        // Bytes that go on a character count for none.
        let column = 1 + content[line_begin..begin].iter().filter(|b| **b & 0xc0 != 0x80).count();
        found.push(Finding { rule: hit.rule, line, column, secret: SecretBytes::new(content[begin..end].to_vec()) });
    }
    found
}
