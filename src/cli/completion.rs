//! `holdfast completion` and `holdfast man`: made from the command tree itself, so that they cannot be stale.

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::error::CliError;

const COMPLETION_HELP: &str = "\
Examples:
  holdfast completion bash > /etc/bash_completion.d/holdfast
  holdfast completion zsh > \"${fpath[1]}/_holdfast\"
  holdfast completion fish > ~/.config/fish/completions/holdfast.fish";

/// Which shell.
#[derive(Debug, Args)]
#[command(after_help = COMPLETION_HELP)]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Where the manual goes.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The directory; it is made if it is not there
    dir: PathBuf,
}

/// Writes the completion script.
///
/// # Errors
/// stdout cannot be written.
pub fn completion(context: &Context, args: &CompletionArgs) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "holdfast", &mut script);
    context.output.data(&script)
}

/// Writes one manual page per command.
///
/// # Errors
/// The directory cannot be written.
pub fn man(context: &Context, args: &ManArgs) -> Result<(), CliError> {
    let cannot = |e: std::io::Error| CliError::failed(format!("cannot write into {}: {e}", args.dir.display()));
    std::fs::create_dir_all(&args.dir).map_err(cannot)?;
    clap_mangen::generate_to(super::command(), &args.dir).map_err(cannot)?;
    context.output.say(&format!("wrote the manual into {}", args.dir.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_shell_has_a_script_and_every_command_a_page() {
        for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut crate::cli::command(), "holdfast", &mut script);
            assert!(String::from_utf8(script).unwrap().contains("service-accounts"), "{shell}");
        }
        let dir = tempfile::tempdir().unwrap();
        clap_mangen::generate_to(crate::cli::command(), dir.path()).unwrap();
        for page in ["holdfast.1", "holdfast-run.1", "holdfast-secrets-set.1"] {
            assert!(dir.path().join(page).is_file(), "{page}");
        }
    }
}
