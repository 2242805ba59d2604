//! The `holdfast` binary. Everything is in the library; this only starts it.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
