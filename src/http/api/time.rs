//! Time: moments as requests name them.

use crate::types::ParseError;
use crate::vault::time::Instant;

/// The moment a request names, if it names one.
pub(super) fn moment(text: Option<&str>) -> Result<Option<Instant>, ParseError> {
    text.map(Instant::parse).transpose()
}
