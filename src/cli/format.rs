//! The formats of variables, as arguments: the vault's own list, so that no name is written twice.

use std::sync::LazyLock;

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::vault::format::Format;

static EXPORTS: LazyLock<Vec<ExportFormat>> = LazyLock::new(|| Format::ALL.into_iter().map(ExportFormat).collect());
static IMPORTS: LazyLock<Vec<ImportFormat>> =
    LazyLock::new(|| Format::ALL.into_iter().filter(|format| format.can_import()).map(ImportFormat).collect());

/// A format to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportFormat(pub Format);

/// A format to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportFormat(pub Format);

fn possible(format: Format) -> PossibleValue {
    PossibleValue::new(format.as_str()).help(format.about())
}

impl ValueEnum for ExportFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &EXPORTS
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(possible(self.0))
    }
}

impl ValueEnum for ImportFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &IMPORTS
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(possible(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_an_argument_and_only_readable_ones_can_be_imported() {
        for format in Format::ALL {
            assert_eq!(ExportFormat::from_str(format.as_str(), false), Ok(ExportFormat(format)));
            assert_eq!(ImportFormat::from_str(format.as_str(), false).is_ok(), format.can_import());
        }
    }
}
