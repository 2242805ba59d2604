//! The ledger as a file: JSON lines that prove themselves, or a table for a spreadsheet.

use super::GovernanceError;
use super::audit::{AuditQuery, Names, SeenEvent, authorize, filter};
use crate::ledger::{self, Details, EventFilter};
use crate::op::Op;
use crate::orgs::access;
use crate::policy::Action;

/// Rows in a part of a table at most.
const ROWS_MAX: usize = 2_000;
/// The columns of a table.
const COLUMNS: &str = "seq,at,actor_kind,actor_id,actor_name,action,outcome,target_kind,target_id,project,environment,\
                       address,request_id,code,leaf_hash,details\r\n";

/// How an export is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ExportForm {
    /// One JSON object a line, with the bytes whose hash is the leaf.
    #[default]
    JsonLines,
    /// RFC 4180, with a line of names first.
    Csv,
}

/// An export under way.
pub struct Export {
    op: Op,
    filter: EventFilter,
    form: ExportForm,
    next: Option<u64>,
}

/// A part of an export.
pub type ExportChunk = Vec<u8>;

/// Begins an export of the organization's events, oldest first; it is recorded.
///
/// # Errors
/// Not allowed; a project or environment that is not there.
pub async fn audit_export(op: &Op, query: AuditQuery, form: ExportForm) -> Result<Export, GovernanceError> {
    let filter = op
        .write(move |op, tx| {
            let event = op.authorize(tx, Action::AuditExport, &access::own_organization(op)?)?;
            let filter = filter(op, tx, &query)?;
            let details = Details::new().with("from", query.from).with("to", query.to);
            op.record(tx, event.details(details))?;
            Ok::<_, GovernanceError>(filter)
        })
        .await?;
    Ok(Export { op: op.clone(), filter, form, next: Some(0) })
}

impl Export {
    /// The next part, about a mebibyte; none at the end. The right is asked again for each.
    ///
    /// # Errors
    /// The right was taken away; the database failed.
    pub async fn next(&mut self) -> Result<Option<ExportChunk>, GovernanceError> {
        while let Some(from) = self.next {
            let (op, filter, form) = (&self.op, &self.filter, self.form);
            let (chunk, next) = op
                .read(|reader| {
                    authorize(op, reader, Action::AuditExport)?;
                    let mut out = Vec::new();
                    let next = match form {
                        ExportForm::JsonLines => ledger::export_chunk(reader, filter, from, &mut out)?,
                        ExportForm::Csv => {
                            if from == 0 {
                                out.extend_from_slice(COLUMNS.as_bytes());
                            }
                            let (events, next) = ledger::since(reader, filter, from, ROWS_MAX)?;
                            let mut names = Names::new(reader);
                            for event in events {
                                row(&names.see(event)?, &mut out);
                            }
                            (next < ledger::size(reader)?).then_some(next)
                        }
                    };
                    Ok::<_, GovernanceError>((out, next))
                })
                .await?;
            self.next = next;
            if !chunk.is_empty() {
                return Ok(Some(chunk));
            }
        }
        Ok(None)
    }
}

fn row(seen: &SeenEvent, out: &mut Vec<u8>) {
    let e = &seen.event;
    let (target_kind, target_id) = e.target.as_ref().map_or(("", ""), |t| (t.kind.as_ref(), t.id.as_ref()));
    let address = e.personal.as_ref().and_then(|p| p.address.as_deref());
    let details = serde_json::to_string(&e.details).unwrap_or_default();
    let (seq, at) = (e.seq.to_string(), e.at.to_string());
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let cells: [&str; 16] = [
        &seq,
        &at,
        &e.actor.kind,
        &e.actor.id,
        &text(&seen.actor_name),
        &e.action,
        e.outcome.as_str(),
        target_kind,
        target_id,
        &text(&e.project),
        &text(&e.environment),
        address.unwrap_or_default(),
        &text(&e.request),
        &text(&e.code),
        &e.leaf_hash,
        &details,
    ];
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_cell(cell, out);
    }
    out.extend_from_slice(b"\r\n");
}

/// A cell. What a spreadsheet would take for a formula gets an apostrophe before it: names are chosen by people.
fn write_cell(text: &str, out: &mut Vec<u8>) {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if !is_formula && !text.contains([',', '"', '\r', '\n']) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    if is_formula {
        out.push(b'\'');
    }
    out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_one_cell_and_no_formula() {
        let written = |text: &str| {
            let mut out = Vec::new();
            write_cell(text, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written("plain"), "plain");
        assert_eq!(written("a,\"b\"\n"), "\"a,\"\"b\"\"\n\"");
        assert_eq!(written("=1+1"), "\"'=1+1\"");
        assert_eq!(written("@x"), "\"'@x\"");
        assert_eq!(COLUMNS.split(',').count(), 16);
    }
}
