//! Copies files and trees straight from one FTP server to another.

fn main() -> std::process::ExitCode {
    ftp_user::cli::main()
}
