//! A program under Valgrind: started by a script, and counted after its end.

use super::table::Count;
use super::{calls, profile};
use integration_tests::binary::Program;
use integration_tests::foreign::{Skipped, Tool};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// Valgrind of this machine, or of a package.
pub(crate) struct Valgrind {
    tool: Tool,
}

/// A program that will run under Valgrind once.
pub(crate) struct Counted {
    directory: TempDir,
}

impl Valgrind {
    pub(crate) fn find() -> Result<Self, Skipped> {
        // Debian's `valgrind` is a script that looks for this at a fixed place.
        Ok(Self { tool: Tool::debian("valgrind", &["valgrind"], "bin/valgrind.bin")? })
    }

    pub(crate) fn version(&self) -> String {
        let output = Command::new(self.tool.program()).arg("--version").output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().replace('-', " ")
    }

    /// The beginning of a command line of a shell, with a program behind it, and what will be known of its run. Both files have their
    /// names without a process id: a program that executes itself again, to hide its arguments, is counted from there.
    pub(crate) fn launcher(&self) -> (String, Counted) {
        let directory = tempfile::Builder::new().prefix("ftp-counts-").tempdir().unwrap();
        let is_fetched = !self.tool.environment().is_empty();
        let library = self.tool.beside("libexec/valgrind");
        let library = if is_fetched { format!("VALGRIND_LIB={} ", library.display()) } else { String::new() };
        let options = "--tool=callgrind --trace-children=yes --trace-syscalls=yes --fair-sched=yes --vgdb=no \
            --compress-strings=no --compress-pos=no";
        let (valgrind, place) = (self.tool.program().display(), directory.path().display());
        let line = format!(
            "exec env {library}{valgrind} {options} --callgrind-out-file={place}/{PROFILE} --log-file={place}/{LOG}"
        );
        (line, Counted { directory })
    }

    /// A script in place of a program.
    pub(crate) fn script(&self, program: Program) -> (PathBuf, Counted) {
        let (line, counted) = self.launcher();
        let script = counted.directory.path().join("program");
        fs::write(&script, format!("#!/bin/sh\n{line} {} \"$@\"\n", program.path().display())).unwrap();
        fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
        (script, counted)
    }
}

impl Counted {
    /// What the run has cost. It has ended.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub(crate) fn count(&self) -> Count {
        let read = |name: &str| fs::read_to_string(self.directory.path().join(name)).unwrap();
        let instructions = profile::count(&read(PROFILE)) as f64;
        Count { instructions, calls: calls::count(&read(LOG)) as f64 }
    }
}

const PROFILE: &str = "profile";
const LOG: &str = "log";
