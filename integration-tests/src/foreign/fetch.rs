//! Other people's programs: found on this machine, or fetched once into `target/peers`.

use crate::skip::Skipped;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};

/// A program of other people.
#[derive(Clone, Debug)]
pub struct Tool {
    program: PathBuf,
    prefix: PathBuf,
    /// More variables that it needs.
    variables: Vec<(&'static str, OsString)>,
}

impl Tool {
    fn new(program: PathBuf, prefix: PathBuf) -> Self {
        Self { program, prefix, variables: Vec::new() }
    }

    /// A program of one of Debian's packages, `binary` below `usr`. One that is installed is used as it is.
    pub fn debian(name: &str, packages: &[&str], binary: &str) -> Result<Self, Skipped> {
        if let Ok(tool) = Self::installed(binary) {
            return Ok(tool);
        }
        let prefix = fetched(name, packages)?;
        Ok(Self::new(prefix.join("usr").join(binary), prefix))
    }

    /// Files of Debian's packages without a program.
    pub fn debian_library(name: &str, packages: &[&str]) -> Result<Self, Skipped> {
        Ok(Self::new(PathBuf::new(), fetched(name, packages)?))
    }

    /// A program of this machine, by a path such as `bin/perl`.
    pub fn installed(binary: &str) -> Result<Self, Skipped> {
        let program = installed(binary).ok_or_else(|| Skipped(format!("{binary} is missing")))?;
        Ok(Self::new(program, PathBuf::new()))
    }

    /// A program of this machine whose place is known.
    pub fn at(program: &Path) -> Self {
        Self::new(program.to_owned(), PathBuf::new())
    }

    /// The Python interpreter with one of PyPI's packages.
    pub fn python(package: &str) -> Result<Self, Skipped> {
        let interpreter = Self::plain_python()?;
        Ok(Self { prefix: fetched(package, &[&format!("pip:{package}")])?, ..interpreter })
    }

    /// The Python interpreter with several of PyPI's packages, in a directory with this name.
    pub fn python_with(name: &str, packages: &[&str]) -> Result<Self, Skipped> {
        let interpreter = Self::plain_python()?;
        let packages: Vec<String> = packages.iter().map(|package| format!("pip:{package}")).collect();
        let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
        Ok(Self { prefix: fetched(name, &packages)?, ..interpreter })
    }

    /// The Python interpreter with its own library.
    pub fn plain_python() -> Result<Self, Skipped> {
        Self::installed("bin/python3")
    }

    /// The program of a package of PyPI that brings one.
    pub fn program_of_package(self, name: &str) -> Self {
        Self { program: self.prefix.join("python/bin").join(name), ..self }
    }

    /// The Tcl interpreter with its standard library.
    pub fn tcllib() -> Result<Self, Skipped> {
        let library = Self::debian_library("tcllib", &["tcllib"])?;
        let path = library.beside("share/tcltk/tcllib1.21");
        Ok(Self::installed("bin/tclsh")?.like(&library).with("TCLLIBPATH", path))
    }

    /// Node.js with one of npm's packages.
    pub fn node(package: &str) -> Result<Self, Skipped> {
        Self::node_with(package, &[package])
    }

    /// Node.js with several of npm's packages, in a directory with this name.
    pub fn node_with(name: &str, packages: &[&str]) -> Result<Self, Skipped> {
        let interpreter = Self::installed("bin/node")?;
        let packages: Vec<String> = packages.iter().map(|package| format!("npm:{package}")).collect();
        let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
        let prefix = fetched(&format!("node-{name}"), &packages)?;
        let modules = prefix.join("node_modules");
        Ok(Self { prefix, ..interpreter }.with("NODE_PATH", modules))
    }

    /// A client around other people's crate, in `integration-tests/clients`: built below `target/peers`.
    pub fn of_crate(name: &str) -> Result<Self, Skipped> {
        Self::built(name, &clients().join(name), "client")
    }

    /// A server around other people's crate, in `integration-tests/servers`: built below `target/peers`.
    pub fn server_of_crate(name: &str) -> Result<Self, Skipped> {
        Self::built(name, &servers().join(name), "server")
    }

    fn built(name: &str, source: &Path, role: &str) -> Result<Self, Skipped> {
        if is_off() {
            return Err(cannot_fetch(name, "FOREIGN_PEERS=off"));
        }
        let target = peers().join(format!("crate-{name}"));
        let program = target.join("debug").join(format!("{name}-{role}"));
        if !program.exists() && std::env::var_os("FOREIGN_CRATES").is_none() {
            let why =
                "is not built: only FOREIGN_CRATES=build does that, as in `.ci/full matrix` and `clients`";
            return Err(Skipped(format!("{name} {why}")));
        }
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet", "--locked", "--manifest-path"]).arg(source.join("Cargo.toml"));
        let output = cargo.arg("--target-dir").arg(&target).output().unwrap();
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(cannot_fetch(name, said.lines().last().unwrap_or_default()));
        }
        let lock = std::fs::read_to_string(source.join("Cargo.lock")).unwrap();
        let version = lock.split(&format!("name = \"{name}\"\nversion = \"")).nth(1).unwrap_or_default();
        let version = version.split('"').next().unwrap_or_default();
        std::fs::write(target.join("versions"), format!("{name}-{version}\n")).unwrap();
        Ok(Self::new(program, target))
    }

    /// With one more variable.
    pub fn with(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// With the files and libraries of another one.
    pub fn like(mut self, other: &Self) -> Self {
        self.prefix.clone_from(&other.prefix);
        self
    }

    /// Which version it is, as its package calls it; `installed` where Debian does not know it.
    pub fn version(&self, package: &str) -> String {
        let versions = std::fs::read_to_string(self.prefix.join("versions")).unwrap_or_default();
        let mut lines = versions.lines().filter_map(|line| line.strip_prefix(package));
        let version =
            lines.find_map(|rest| rest.strip_prefix(['_', '-']).filter(|rest| starts_with_digit(rest)));
        let version = version.map(|version| version.replace("%3a", ":"));
        version.or_else(|| version_here(package)).unwrap_or_else(|| "installed".into())
    }

    /// Where it is.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Another file of the same packages, `path` below `usr`.
    pub fn beside(&self, path: &str) -> PathBuf {
        if self.prefix.as_os_str().is_empty() {
            Path::new("/usr").join(path)
        } else {
            self.prefix.join("usr").join(path)
        }
    }

    /// The same packages' other program.
    pub fn other(&self, binary: &str) -> Self {
        Self { program: self.beside(binary), ..self.clone() }
    }

    /// Where the libraries of the same packages are for this machine.
    pub fn libraries(&self) -> PathBuf {
        self.beside(&format!("lib/{}-linux-gnu", std::env::consts::ARCH))
    }

    /// The variables that it needs to find its libraries.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let mut all = self.variables.clone();
        if !self.prefix.as_os_str().is_empty() {
            let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
            let [libraries, own] = ["usr/lib", "lib"].map(|lib| self.prefix.join(lib).join(&triplet));
            // A library that Chromium needs looks for another one where Debian installs it.
            let of_sound = libraries.join("pulseaudio");
            all.push(("LD_LIBRARY_PATH", std::env::join_paths([libraries, own, of_sound]).unwrap()));
            all.push(("PYTHONPATH", self.prefix.join("python").into()));
        }
        all
    }

    /// A command for it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.envs(self.environment());
        command
    }
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
}

/// The version of a package of Debian that is installed here.
fn version_here(package: &str) -> Option<String> {
    let output = Command::new("dpkg-query").args(["-W", "-f", "${Version}", package]).output().ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    Some(version).filter(|version| output.status.success() && !version.is_empty())
}

/// The program `binary` (`bin/curl`, `sbin/vsftpd`) of this machine.
fn installed(binary: &str) -> Option<PathBuf> {
    let name = Path::new(binary).file_name()?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    directories.map(|directory| directory.join(name)).find(|program| program.is_file())
}

/// The directory where packages are unpacked. Fetched at most once for each run of the tests, also
/// when that fails; other runs find what is there.
fn fetched(name: &str, packages: &[&str]) -> Result<PathBuf, Skipped> {
    type Result = std::result::Result<PathBuf, Skipped>;
    type All = Mutex<HashMap<String, Arc<OnceLock<Result>>>>;
    static ALL: OnceLock<All> = OnceLock::new();
    let one = Arc::clone(ALL.get_or_init(All::default).lock().unwrap().entry(name.into()).or_default());
    one.get_or_init(|| {
        if is_off() {
            return Err(cannot_fetch(name, "FOREIGN_PEERS=off"));
        }
        let peers = peers();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/fetch.sh");
        let output = Command::new("sh").arg(script).arg(&peers).arg(name).args(packages).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        match output.status.code() {
            Some(0) => Ok(peers.join(name)),
            Some(3) => Err(cannot_fetch(name, said.lines().last().unwrap_or_default())),
            code => panic!("fetch.sh {name} ended with {code:?}: {said}"),
        }
    })
    .clone()
}

fn cannot_fetch(name: &str, why: &str) -> Skipped {
    Skipped(format!("{name} cannot be fetched: {why}"))
}

fn is_off() -> bool {
    std::env::var_os("FOREIGN_PEERS").is_some_and(|value| value == "off")
}

/// The scripts of the clients.
pub(super) fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// The scripts and crates that are servers.
pub(super) fn servers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("servers")
}

/// `target/peers`, beside the profile of the running test.
fn peers() -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    let target = exe.ancestors().find(|directory| directory.ends_with("target"));
    target.unwrap_or_else(|| exe.ancestors().nth(3).unwrap()).join("peers")
}
