//! The stored bytes of an event, which are the leaf: a version byte and compact JSON with its fields in a fixed order.

use std::borrow::Cow;
use std::io::Write as _;

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::merkle::Hash;
use super::{Event, Outcome, Personal};
use crate::types::{Id, Timestamp, kinds};

/// The first byte of a record: how to read the rest.
pub(super) const VERSION: u8 = 1;
/// Bytes a usual record has room for without growing.
const USUAL_LEN: usize = 512;
/// Bytes of the salt of a commitment.
pub(super) const SALT_LEN: usize = 16;

/// The id of an event, which holds its place: a UUIDv7 (RFC 9562) whose `rand_a` is the epoch and whose `rand_b` is
/// the sequence. So an event is found by its id without an index.
pub(super) fn event_id(at: Timestamp, epoch: u64, seq: u64) -> Id<kinds::Event> {
    let millis = u64::try_from(at.as_micros() / 1_000).unwrap_or(0) & 0xffff_ffff_ffff;
    let high = millis << 16 | 0x7000 | (epoch & 0x0fff);
    let low = 0x8000_0000_0000_0000 | (seq & 0x3fff_ffff_ffff_ffff);
    Id::from_bytes((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
}

/// The place an event's id claims; the id in the record decides.
pub(super) fn seq_of(id: Id<kinds::Event>) -> u64 {
    let mut low = [0; 8];
    low.copy_from_slice(&id.as_bytes()[8..]);
    u64::from_be_bytes(low) & 0x3fff_ffff_ffff_ffff
}

/// The commitment to what is personal: it tells nothing without the salt, and fits nothing else.
pub(super) fn commitment(salt: &[u8], content: &[u8]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(b"holdfast/v1/ledger-personal\0");
    context.update(salt);
    context.update(content);
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// Writes the record of `event` at its place.
pub(super) fn encode(event: &Event, seq: u64, id: Id<kinds::Event>, personal: Option<&Hash>) -> Vec<u8> {
    let mut out = Vec::with_capacity(USUAL_LEN + event.details.members().len());
    out.push(VERSION);
    // Writing to a Vec cannot fail, and neither can serializing text.
    let _infallible = encode_into(&mut out, event, seq, id, personal);
    out
}

fn encode_into(
    out: &mut Vec<u8>,
    event: &Event,
    seq: u64,
    id: Id<kinds::Event>,
    personal: Option<&Hash>,
) -> std::io::Result<()> {
    write!(out, r#"{{"seq":{seq},"id":"{id}","at":{}"#, event.at.as_micros())?;
    write!(out, r#","action":"{}","outcome":"{}""#, event.action, event.outcome.as_str())?;
    write!(out, r#","actor":{{"kind":"{}","id":"{}"}}"#, event.actor.kind(), event.actor)?;
    if let Some(id) = event.credential {
        write!(out, r#","credential":"{id}""#)?;
    }
    if let Some(id) = event.organization {
        write!(out, r#","organization":"{id}""#)?;
    }
    if let Some(id) = event.project {
        write!(out, r#","project":"{id}""#)?;
    }
    if let Some(id) = event.environment {
        write!(out, r#","environment":"{id}""#)?;
    }
    if let Some(target) = &event.target {
        write!(out, r#","target":{{"kind":"{}","id":"#, target.kind)?;
        serde_json::to_writer(&mut *out, &target.id)?;
        out.push(b'}');
    }
    if let Some(id) = event.request {
        write!(out, r#","request":"{id}""#)?;
    }
    if let Some(policies) = event.policies.as_ref().filter(|all| !all.is_empty()) {
        out.extend_from_slice(br#","policies":"#);
        serde_json::to_writer(&mut *out, &policies[..policies.len().min(Event::POLICIES_MAX)])?;
    }
    if let Some(policies) = &event.would_deny {
        out.extend_from_slice(br#","would_deny":"#);
        serde_json::to_writer(&mut *out, &policies[..policies.len().min(Event::POLICIES_MAX)])?;
    }
    if let Some(code) = event.code {
        write!(out, r#","code":"{code}""#)?;
    }
    if !event.details.members().is_empty() {
        write!(out, r#","details":{{{}}}"#, event.details.members())?;
    }
    if let Some(commitment) = personal {
        write!(out, r#","personal":"{}""#, data_encoding::BASE64.encode_display(commitment))?;
    }
    out.push(b'}');
    Ok(())
}

/// A kind and an id, as records have them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named<'a> {
    /// The kind in words.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    /// The id, or what stands for one.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
}

/// A record as it was read, borrowing from its bytes: ids and codes hold nothing
/// that JSON escapes. `D` is what to make of the details, `P` of the policies.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record<'a, D, P> {
    pub(super) seq: u64,
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    pub(super) at: i64,
    #[serde(borrow)]
    pub(super) action: Cow<'a, str>,
    pub(super) outcome: Outcome,
    #[serde(borrow)]
    pub(super) actor: Named<'a>,
    pub(super) credential: Option<&'a str>,
    pub(super) organization: Option<&'a str>,
    pub(super) project: Option<&'a str>,
    pub(super) environment: Option<&'a str>,
    #[serde(borrow)]
    pub(super) target: Option<Named<'a>>,
    pub(super) request: Option<&'a str>,
    pub(super) policies: Option<P>,
    pub(super) would_deny: Option<P>,
    pub(super) code: Option<&'a str>,
    pub(super) details: Option<D>,
    pub(super) personal: Option<&'a str>,
}

/// The JSON of a record of a known version.
pub(super) fn json(record: &[u8]) -> Option<&[u8]> {
    record.split_first().filter(|(version, _)| **version == VERSION).map(|(_, json)| json)
}

/// Reads a record; none when it has another version or form.
pub(super) fn decode<'a, D: Deserialize<'a>, P: Deserialize<'a>>(record: &'a [u8]) -> Option<Record<'a, D, P>> {
    // Checked as a whole, which is quicker than each text by itself.
    let json = std::str::from_utf8(json(record)?).ok()?;
    serde_json::from_str(json).ok()
}

/// The details of `instance.restored`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RestoredDetails {
    pub(super) epoch: u64,
    pub(super) known_epoch: u64,
    pub(super) known_size: u64,
    pub(super) known_root: String,
}

/// The details of `instance.ledger_archived`: bodies of events before `before` may be missing.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct ArchivedDetails {
    pub(super) before: u64,
}

/// An entry of the ledger as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventView {
    /// Its place, from 0.
    pub seq: u64,
    /// Its hash in the tree, lower-case hex: SHA-256 of `0x00` and the record.
    pub leaf_hash: String,
    /// Its id.
    pub id: String,
    /// When, by the clock of that moment; the order is the sequence, never the time.
    pub at: Timestamp,
    /// What.
    pub action: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Who.
    pub actor: Named<'static>,
    /// The credential that was used.
    pub credential: Option<String>,
    /// The organization; none for an event of the instance.
    pub organization: Option<String>,
    /// The project.
    pub project: Option<String>,
    /// The environment.
    pub environment: Option<String>,
    /// To what.
    pub target: Option<Named<'static>>,
    /// The request it was part of.
    pub request: Option<String>,
    /// The policies that decided.
    pub policies: Vec<String>,
    /// The policies that are only observed and would have denied it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub would_deny: Vec<String>,
    /// The stable code of the error, when it did not end well.
    pub code: Option<String>,
    /// Ids, counts, versions and names.
    pub details: serde_json::Map<String, serde_json::Value>,
    /// What says something about a person; none when there was nothing or it was erased.
    pub personal: Option<Personal>,
    /// Whether `personal` was erased.
    pub personal_erased: bool,
}

fn named(named: Named<'_>) -> Named<'static> {
    Named { kind: Cow::Owned(named.kind.into_owned()), id: Cow::Owned(named.id.into_owned()) }
}

impl EventView {
    /// The view of a record and its personal row (`None`: there is none or it was erased).
    pub(super) fn read(record: &[u8], leaf_hash: &[u8], personal: Option<&[u8]>) -> Option<Self> {
        let r: Record<'_, serde_json::Map<String, serde_json::Value>, Vec<String>> = decode(record)?;
        let personal_erased = r.personal.is_some() && personal.is_none();
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Some(Self {
            seq: r.seq,
            leaf_hash: data_encoding::HEXLOWER.encode(leaf_hash),
            id: r.id.into_owned(),
            at: Timestamp::from_micros(r.at),
            action: r.action.into_owned(),
            outcome: r.outcome,
            actor: named(r.actor),
            credential: owned(r.credential),
            organization: owned(r.organization),
            project: owned(r.project),
            environment: owned(r.environment),
            target: r.target.map(named),
            request: owned(r.request),
            policies: r.policies.unwrap_or_default(),
            would_deny: r.would_deny.unwrap_or_default(),
            code: owned(r.code),
            details: r.details.unwrap_or_default(),
            personal: personal.and_then(|content| serde_json::from_slice(content).ok()),
            personal_erased,
        })
    }
}
