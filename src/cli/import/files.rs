//! `holdfast import infisical|doppler|onepassword|bitwarden|dotenvx|sops`: files that other products wrote, read on this machine.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::transfer::{Target, TransferArgs};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::types::SecretString;
use crate::vault::format::Format;
use crate::vault::importers::{
    Found, ImportError, SopsFormat, bitwarden, doppler, dotenvx, infisical, onepassword, sops,
};

/// A file of another product.
#[derive(Debug, Args)]
pub struct FileArgs {
    /// The file; - is stdin
    file: PathBuf,
    #[command(flatten)]
    transfer: TransferArgs,
}

/// A file of dotenvx, and its keys.
#[derive(Debug, Args)]
pub struct DotenvxArgs {
    /// The encrypted file, like .env or .env.production
    file: PathBuf,
    /// The file with the private keys, - is stdin [default: .env.keys beside the file]
    #[arg(long, value_name = "FILE")]
    keys_file: Option<PathBuf>,
    #[command(flatten)]
    transfer: TransferArgs,
}

/// A file of SOPS, and the identity it was encrypted to.
#[derive(Debug, Args)]
pub struct SopsArgs {
    /// The encrypted file, like secrets.yaml or prod.env
    file: PathBuf,
    /// A file with identities of age, AGE-SECRET-KEY-1…; - is stdin
    #[arg(long, value_name = "FILE")]
    identity_file: PathBuf,
    /// What the file is besides [default: from its name, else JSON]
    #[arg(long, value_enum)]
    format: Option<SopsFormatArg>,
    #[command(flatten)]
    transfer: TransferArgs,
}

/// What a file of SOPS is besides.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SopsFormatArg {
    /// Lines of NAME=value
    Dotenv,
    /// JSON, and files of no format SOPS knows
    Json,
    /// YAML
    Yaml,
    /// Sections of name = value
    Ini,
}

impl From<SopsFormatArg> for SopsFormat {
    fn from(arg: SopsFormatArg) -> Self {
        match arg {
            SopsFormatArg::Dotenv => Self::Dotenv,
            SopsFormatArg::Json => Self::Json,
            SopsFormatArg::Yaml => Self::Yaml,
            SopsFormatArg::Ini => Self::Ini,
        }
    }
}

/// A product whose export is one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// Infisical.
    Infisical,
    /// Doppler.
    Doppler,
    /// 1Password.
    OnePassword,
    /// Bitwarden.
    Bitwarden,
}

impl Product {
    fn name(self) -> &'static str {
        match self {
            Self::Infisical => "infisical",
            Self::Doppler => "doppler",
            Self::OnePassword => "onepassword",
            Self::Bitwarden => "bitwarden",
        }
    }

    fn read(self, input: &[u8], guess: Format) -> Result<Found, ImportError> {
        match self {
            Self::Infisical => infisical(input, guess),
            Self::Doppler => doppler(input, guess),
            Self::OnePassword => onepassword(input),
            Self::Bitwarden => bitwarden(input),
        }
    }
}

/// Imports a product's export.
///
/// # Errors
/// An unreadable file, with the line or the item; what the target refuses.
pub fn run(context: &Context, product: Product, args: &FileArgs) -> Result<(), CliError> {
    let target = Target::find(context, &args.transfer)?;
    let content = SecretString::new(context.input.document(&args.file)?);
    let guess = Format::guess(&args.file.to_string_lossy());
    let found = product.read(content.expose().as_bytes(), guess).map_err(|e| in_file(&args.file, e))?;
    target.take(product.name(), found)
}

/// Imports a file that dotenvx encrypted.
///
/// # Errors
/// An unreadable file, with the line; a value that does not open; what the target refuses.
pub fn run_dotenvx(context: &Context, args: &DotenvxArgs) -> Result<(), CliError> {
    let target = Target::find(context, &args.transfer)?;
    let content = SecretString::new(context.input.document(&args.file)?);
    let beside = || args.file.with_file_name(".env.keys");
    let keys = SecretString::new(context.input.document(&args.keys_file.clone().unwrap_or_else(beside))?);
    let name = args.file.file_name().map_or_else(|| "dotenvx".into(), |n| n.to_string_lossy().into_owned());
    let found = dotenvx(&name, content.expose().as_bytes(), keys.expose().as_bytes());
    target.take("dotenvx", found.map_err(|e| in_file(&args.file, e))?)
}

/// Imports a file that SOPS encrypted.
///
/// # Errors
/// An unreadable file, with the line or the name; none of the identities opens it; a MAC that does not fit; what the
/// target refuses.
pub fn run_sops(context: &Context, args: &SopsArgs) -> Result<(), CliError> {
    let target = Target::find(context, &args.transfer)?;
    let content = SecretString::new(context.input.document(&args.file)?);
    let keys = SecretString::new(context.input.document(&args.identity_file)?);
    let name = args.file.file_name().map_or_else(|| "sops".into(), |n| n.to_string_lossy().into_owned());
    let format = args.format.map_or_else(|| SopsFormat::guess(&name), SopsFormat::from);
    let found = sops(&name, content.expose().as_bytes(), format, keys.expose().as_bytes());
    target.take("sops", found.map_err(|e| in_file(&args.file, e))?)
}

/// The error with the file it is about.
fn in_file(file: &Path, error: ImportError) -> CliError {
    use crate::types::Failure as _;
    CliError::failed(format!("{}: {error}", file.display())).hint(error.hint())
}
