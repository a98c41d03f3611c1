//! A look at everything on this host that a configuration names, before the server starts or goes on with it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ftp_io::clock::Clock;
use ftp_io::os_error::{self, words};
use ftp_io::program::privileges;
use ftp_io::socket::Congestion;
use ftp_io::tls::{self, Files, Identity, Validity};
use ftp_proto::policy::Foreign;
use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::error::{ConfigError, ConfigWarning};
use super::{Certificates, Config};
use crate::auth::{User, refuse_nested_quotas};
use crate::operate::{State, is_below};
use crate::vfs::Root;

/// What a look at this host has found.
#[derive(Debug, Default)]
pub struct Findings {
    /// What keeps the server from starting.
    pub errors: Vec<ConfigError>,
    /// What works, but hardly as it is meant.
    pub warnings: Vec<ConfigWarning>,
}

impl Config {
    /// Looks at the directories, certificates, programs and users that the configuration names, with the rights
    /// of this process. Nothing is made or changed. Call it on a thread that may block.
    pub fn inspect(&self) -> Findings {
        let mut found = Findings::default();
        self.directories(&mut found.errors);
        if let Err(nested) = refuse_nested_quotas(&self.users, &self.root) {
            found.errors.push(ConfigError::NestedQuota(nested));
        }
        if let Some(Certificates::Files(files)) = &self.certificates {
            files.iter().for_each(|files| self.certificate(files, &mut found));
        }
        if let Some(path) = &self.client_authorities
            && let Err(error) = tls::check_authorities(path)
        {
            found.errors.push(ConfigError::Authorities(os_error::chain(&error)));
        }
        if let Some(user) = &self.run_as
            && let Err(error) = privileges::may_run_as(user)
        {
            found.errors.push(ConfigError::RunAs(user.clone(), words(&error)));
        }
        let congestion = self.congestion.as_ref().map_or(Ok(()), Congestion::check);
        found.errors.extend(congestion.err().map(ConfigError::Congestion));
        self.programs(&mut found.errors);
        self.terms(&mut found.warnings);
        found
    }

    /// Every directory that users see, and that of the state if the operator has named one.
    pub(super) fn directories(&self, errors: &mut Vec<ConfigError>) {
        let mut seen = BTreeSet::new();
        let mut look = |key: String, dir: &Path| {
            if seen.insert(dir.to_owned())
                && let Err(error) = Root::open(dir)
            {
                errors.push(ConfigError::Directory { key, dir: dir.to_owned(), why: words(&error) });
            }
        };
        look("root".to_owned(), &self.root);
        for user in &self.users {
            let name = user.shown_name();
            if let Some(root) = &user.home.root {
                look(format!("users.{name}.root"), root);
            }
            for mount in &user.home.mounts {
                look(format!("users.{name}.{}", mount.dir.display()), &mount.dir);
            }
        }
        let roots: Vec<&Path> = self.roots().collect();
        if let Some(dir) = &self.state
            && let Err(error) = State::check(dir, &roots)
        {
            errors.push(ConfigError::State { dir: dir.clone(), why: format!("{error:#}") });
        }
    }

    fn certificate(&self, files: &Files, found: &mut Findings) {
        if let Some(root) = self.roots().find(|root| is_below(&files.key, root)) {
            found.errors.push(ConfigError::KeyBelowRoot(files.key.clone(), root.to_owned()));
        }
        match Identity::read(vec![files.clone()]) {
            Ok(identity) => {
                let warn = |(path, why): (PathBuf, Validity)| match why {
                    Validity::Expired => ConfigWarning::Expired(path),
                    Validity::NotYet => ConfigWarning::NotYetValid(path),
                };
                found.warnings.extend(identity.not_valid_now().into_iter().map(warn));
            }
            Err(error) => found.errors.push(ConfigError::Certificate(os_error::chain(&error))),
        }
    }

    /// What is started or written later.
    fn programs(&self, errors: &mut Vec<ConfigError>) {
        if let Some(hook) = &self.hook
            && Path::new(&hook.program).is_absolute()
            && let Err(error) = accessat(CWD, Path::new(&hook.program), Access::EXEC_OK, AtFlags::EACCESS)
        {
            let (program, why) = (hook.program.clone().into(), words(&error.into()));
            errors.push(ConfigError::HookProgram { program, why });
        }
        if let Some(path) = &self.xferlog
            && let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty())
            && let Err(error) = accessat(CWD, parent, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)
            && accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).is_err()
        {
            errors.push(ConfigError::Xferlog { path: path.clone(), why: words(&error.into()) });
        }
    }

    /// What is possible, but hardly meant.
    fn terms(&self, warnings: &mut Vec<ConfigWarning>) {
        let today = Clock::today();
        let expired = |user: &&User| user.terms.expires.is_some_and(|expires| today.0 >= expires.0);
        let wider = |user: &&User| user.foreign.is_some_and(|own| width(own) > width(self.foreign));
        let named = |these: Vec<&User>, warning: fn(String) -> ConfigWarning| -> Vec<ConfigWarning> {
            these.into_iter().map(|user| warning(user.shown_name())).collect()
        };
        warnings.extend(named(self.users.iter().filter(expired).collect(), ConfigWarning::AccountExpired));
        warnings.extend(named(self.users.iter().filter(wider).collect(), ConfigWarning::WiderForeign));
        let everywhere = self
            .foreign_networks
            .as_ref()
            .is_none_or(|networks| networks.iter().any(|network| network.prefix_len() == 0));
        if everywhere && self.foreign == Foreign::Authenticated {
            warnings.push(ConfigWarning::ForeignEverywhere { is_named: self.foreign_networks.is_some() });
        }
        let logins = &self.limits.logins;
        if logins.ban.is_some_and(|ban| ban.time < logins.longest_delay) {
            warnings.push(ConfigWarning::ShortBan);
        }
    }
}

/// The order of the policies: how much each permits.
const fn width(foreign: Foreign) -> u8 {
    match foreign {
        Foreign::Never => 0,
        Foreign::Proven => 1,
        Foreign::Authenticated => 2,
    }
}
