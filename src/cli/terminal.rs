//! The terminal as a command elsewhere needs it: every key as it is pressed, no echo of ours, and its size.

use std::io::IsTerminal as _;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use super::error::CliError;
use crate::runtime::inside::Window;

/// Whether both ends of this process are a terminal.
pub fn is_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// The size of the terminal; none where it does not tell.
pub fn window() -> Option<Window> {
    let size = tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some(Window { columns: size.ws_col, rows: size.ws_row })
}

/// A terminal that hands on every key. It is as it was before when this is dropped, whatever ended the command.
pub struct Raw(Termios);

impl Raw {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// Stdin is no terminal.
    pub fn enter() -> Result<Self, CliError> {
        let none = |_| CliError::usage("stdin is no terminal").hint("leave out --tty");
        let before = tcgetattr(std::io::stdin()).map_err(none)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(std::io::stdin(), OptionalActions::Now, &raw).map_err(none)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _gone = tcsetattr(std::io::stdin(), OptionalActions::Drain, &self.0);
    }
}
