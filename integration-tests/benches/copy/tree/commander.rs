//! Who has a tree copied from server to server.

use std::path::PathBuf;

use integration_tests::foreign::{ClientRun, Desk, Kind, Skipped, Tool};
use integration_tests::performance::{BASELINE, USER};
use integration_tests::user::{User, user, user_at};

use integration_tests::binary::Program;

use crate::contender::{Contender, Door};
use crate::plan::Plan;
use crate::report::Report;

/// A directory of a server.
pub(super) struct End {
    pub(super) door: Door,
    path: String,
    /// The place in the real file system.
    place: PathBuf,
}

impl End {
    pub(super) fn of(server: &Contender, path: &str) -> Self {
        Self { door: server.door(), path: server.named(path), place: server.path(path) }
    }

    fn url(&self) -> String {
        self.door.url("ftp", self.path.trim_start_matches('/'))
    }

    /// The same for globus-url-copy, whose paths begin at the root of the file system.
    fn globus_url(&self) -> String {
        let path = self.place.display().to_string();
        format!("{}/", self.door.url("ftp", path.trim_start_matches('/')))
    }

    /// The same as rclone names it; `hidden` is its password in rclone's form.
    fn remote(&self, hidden: &str) -> String {
        let Self { door: Door { at, user, .. }, path, .. } = self;
        format!(":ftp,host={},port={},user={user},pass={hidden}:{path}", at.ip(), at.port())
    }
}

/// A way to run lftp's mirror.
#[derive(Clone, Copy)]
pub(super) struct Mirror {
    pub(super) name: &'static str,
    option: &'static str,
}

/// One file after the other, and eight at once.
pub(super) const MIRRORS: [Mirror; 2] =
    [Mirror { name: "lftp mirror -P1", option: "-P1" }, Mirror { name: "lftp mirror -P8", option: "-P8" }];

/// Somebody who commands two servers.
pub(super) enum Commander {
    /// `None` is the build of this tree.
    User(Option<PathBuf>),
    Lftp(Lftp),
    Globus(Box<(Desk, Tool)>),
}

impl Commander {
    /// All that can be had.
    pub(super) fn all(plan: &Plan, report: &mut Report) -> Vec<Self> {
        let mut all = vec![Self::User(None)];
        all.extend(plan.baseline.clone().map(|programs| Self::User(Some(programs))));
        for mirror in MIRRORS {
            all.extend(report.found(mirror.name, Lftp::mirror(mirror)));
        }
        let globus = Tool::debian("globus-url-copy", &["globus-gass-copy-progs"], "bin/globus-url-copy");
        let globus = report.found("globus-url-copy", globus);
        all.extend(globus.map(|tool| Self::Globus(Box::new((Desk::new(), tool)))));
        all
    }

    /// Our user agent between two servers of this name: that of the same build.
    pub(super) fn user(plan: &Plan, between: &str) -> Self {
        Self::User(plan.baseline.clone().filter(|_| between == "baseline"))
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::User(None) => USER,
            Self::User(Some(_)) => BASELINE,
            Self::Lftp(lftp) => lftp.mirror.name,
            Self::Globus(_) => "globus-url-copy",
        }
    }

    /// Whether it has a part in the comparison between two servers of this name.
    pub(super) fn commands(&self, between: &str) -> bool {
        let globus = Kind::Globus.name();
        match self {
            Self::User(None) => between != "baseline" && between != globus,
            Self::User(Some(_)) => between == "baseline",
            Self::Lftp(_) => between != "baseline" && between != globus,
            Self::Globus(_) => between == globus,
        }
    }

    /// Has the tree copied.
    pub(super) fn copy(&self, ends: &[End; 2]) -> Result<(), String> {
        let [from, to] = ends.each_ref().map(End::url);
        match self {
            Self::User(programs) => {
                let agent = programs.as_ref().map_or_else(user, |at| user_at(&Program::User.path_in(at)));
                copied_by(agent, ends, None)
            }
            Self::Lftp(lftp) => lftp.copy(&from, &to),
            Self::Globus(globus) => {
                let (desk, tool) = &**globus;
                let [from, to] = ends.each_ref().map(End::globus_url);
                ran(desk.try_run(tool, &["-r", "-cd", "-pp", "-cc", "4", "-fast", &from, &to], ""))
            }
        }
    }
}

/// Has `agent` copy the tree from server to server, with a limit of so many bytes per second.
pub(super) fn copied_by(agent: User, ends: &[End; 2], limit: Option<u64>) -> Result<(), String> {
    let [from, to] = ends.each_ref().map(End::url);
    let limit = limit.map(|rate| ["--limit".to_owned(), rate.to_string()]);
    let agent = agent.args(["-q", "copy", "-r", "--path", "direct", &from, &to]);
    let run = agent.args(limit.iter().flatten()).run();
    if run.code() == Some(0) { Ok(()) } else { Err(format!("ftp-user: {}", run.said.trim())) }
}

/// lftp, for one way to mirror.
pub(super) struct Lftp {
    desk: Desk,
    tool: Tool,
    mirror: Mirror,
}

impl Lftp {
    pub(super) fn mirror(mirror: Mirror) -> Result<Commander, Skipped> {
        let tool = Tool::debian("lftp", &["lftp"], "bin/lftp")?;
        Ok(Commander::Lftp(Self { desk: Desk::new(), tool, mirror }))
    }

    fn copy(&self, from: &str, to: &str) -> Result<(), String> {
        let script = format!(
            "set net:max-retries 1; set net:timeout 30; set cmd:fail-exit yes; set ftp:ssl-allow no; \
             set ftp:use-fxp yes; set ftp:fxp-force yes; set ftp:use-mode-z no; mirror {} {from} {to}",
            self.mirror.option,
        );
        ran(self.desk.try_run(&self.tool, &["--norc", "-c", &script], ""))
    }
}

/// How a tool has ended.
fn ran(ClientRun { code, stderr, .. }: ClientRun) -> Result<(), String> {
    if code == Some(0) { Ok(()) } else { Err(format!("exit {code:?}: {}", stderr.trim())) }
}

/// Somebody through whose host the files pass.
pub(super) enum Through {
    User,
    Rclone(Box<(Desk, Tool)>),
}

impl Through {
    pub(super) fn all(report: &mut Report) -> Vec<Self> {
        let mut all = vec![Self::User];
        let rclone = report.found("rclone", Tool::debian("rclone", &["rclone"], "bin/rclone"));
        all.extend(rclone.map(|tool| Self::Rclone(Box::new((Desk::new(), tool)))));
        all
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::User => "ftp-user",
            Self::Rclone(_) => "rclone",
        }
    }

    pub(super) fn copy(&self, ends: &[End; 2]) -> Result<(), String> {
        match self {
            Self::User => {
                let [from, to] = ends.each_ref().map(End::url);
                let run = user().args(["-q", "copy", "-r", "--path", "user", &from, &to]).run();
                if run.code() == Some(0) { Ok(()) } else { Err(format!("ftp-user: {}", run.said.trim())) }
            }
            Self::Rclone(rclone) => {
                let (desk, tool) = &**rclone;
                let [from, to] = ends.each_ref().map(|end| {
                    let hidden = desk.run(tool, &["obscure", &end.door.password]).trim().to_owned();
                    end.remote(&hidden)
                });
                ran(desk.try_run(tool, &["--config", "", "--retries", "1", "copy", &from, &to], ""))
            }
        }
    }
}
