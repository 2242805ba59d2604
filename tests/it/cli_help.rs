//! The help of every command, as the binary prints it, and how it ends when the command line is wrong.

use std::fmt::Write;
use std::process::{Command, Output};

/// Runs the binary far from any server, terminal and configuration.
fn holdfast(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_holdfast"))
        .args(args)
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("HOLDFAST_CONFIG_DIR", "/nonexistent")
        .current_dir("/")
        .stdin(std::process::Stdio::null())
        .output()
        .expect("the binary runs")
}

/// The help of one command. The flags every command has are shown once, at the root.
fn help(path: &[String]) -> String {
    let mut args: Vec<&str> = path.iter().map(String::as_str).collect();
    args.push("--help");
    let output = holdfast(&args);
    assert!(output.status.success() && output.stderr.is_empty(), "holdfast {args:?}");
    let help = String::from_utf8(output.stdout).expect("help is UTF-8");
    match help.split_once("\nGlobal options:") {
        Some((own, rest)) if !path.is_empty() => format!("{}{}", own.trim_end(), tail(rest)),
        _ => help.trim_end().to_owned(),
    }
}

/// What follows the global options: examples and remarks.
fn tail(rest: &str) -> &str {
    rest.find("\n\n").map_or("", |at| rest[at..].trim_end())
}

#[test]
fn help_of_every_command() {
    let mut text = String::new();
    for path in holdfast::cli::command_paths() {
        let _ = writeln!(text, "==== holdfast {}\n{}\n", path.join(" "), help(&path));
    }
    insta::assert_snapshot!("cli_help", text);
}

#[test]
fn a_wrong_command_line_ends_with_2_and_words_on_stderr() {
    for args in [
        &["frobnicate"][..],
        &["secrets", "set", "A=s3cret", "-p", "x", "-e", "y"],
        &["secrets", "set", "A", "s3cret", "-p", "x", "-e", "y"],
        &["projects", "delete", "shop"],
        &["projects", "delete", "shop", "--confirm", "shpo"],
        &["secrets", "list"],
        &["run", "-p", "x", "-e", "y"],
        &["whoami", "--url", "ftp://x"],
    ] {
        let output = holdfast(args);
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {words}");
        assert!(output.stdout.is_empty() && words.starts_with("error: "), "{args:?}: {words}");
        assert!(!words.contains("s3cret"), "a value given by mistake must not be repeated: {words}");
    }
}

#[test]
fn without_a_login_the_exit_code_is_4_and_the_hint_says_how() {
    let output = holdfast(&["whoami", "--url", "http://127.0.0.1:9"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&output.stderr).contains("hint: holdfast login"));
}

#[test]
fn version_is_data() {
    for args in [&["version"][..], &["--version"]] {
        let output = holdfast(args);
        assert_eq!(String::from_utf8_lossy(&output.stdout), concat!("holdfast ", env!("CARGO_PKG_VERSION"), "\n"));
    }
}
