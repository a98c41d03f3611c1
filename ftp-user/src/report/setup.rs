//! What is set up, and what was found when it was tried: sites of the settings, and the findings of `sites test` and
//! `doctor`.

use ftp_proto::wire::show;
use serde::{Serialize, Serializer};

/// A site of the settings as it is shown. It has no secrets.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SiteShown {
    /// The name of it.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// What else is set, by its key, in the order in which it is shown.
    #[serde(serialize_with = "by_key")]
    pub settings: Vec<(String, String)>,
    /// What has been done with it, if it was changed just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<&'static str>,
    /// Whether everything that is set is shown to people.
    #[serde(skip)]
    pub whole: bool,
}

/// What a check has found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Checked {
    /// What was checked: a site, or this host.
    pub of: String,
    /// Whether other sites are checked by the same command, so that each line for people names its own.
    #[serde(skip)]
    pub is_one_of_several: bool,
    /// The check, in one word.
    pub check: &'static str,
    /// What came of it.
    pub verdict: Verdict,
    /// What was found.
    #[serde(rename = "message")]
    pub says: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What came of a check.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It works as it should.
    Good,
    /// Something to know: it works for most purposes.
    Note,
    /// It does not work.
    Bad,
}

impl Checked {
    /// Something works as it should.
    pub fn good(check: &'static str, says: impl Into<String>) -> Self {
        let (of, is_one_of_several) = (String::new(), false);
        Self { of, is_one_of_several, check, verdict: Verdict::Good, says: says.into(), hint: None }
    }

    /// Something to know.
    pub fn note(check: &'static str, says: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { verdict: Verdict::Note, hint: Some(hint.into()), ..Self::good(check, says) }
    }

    /// Something does not work.
    pub fn bad(check: &'static str, says: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { verdict: Verdict::Bad, ..Self::note(check, says, hint) }
    }

    /// The finding as one line for people.
    pub(super) fn line(&self) -> String {
        let mark = match self.verdict {
            Verdict::Good => "ok  ",
            Verdict::Note => "note",
            Verdict::Bad => "BAD ",
        };
        let hint = self.hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"));
        let of = if self.is_one_of_several { format!("{:<16} ", self.of) } else { String::new() };
        let line = format!("{mark} {of}{:<11} {}{hint}", self.check, self.says);
        show(line.as_bytes())
    }
}

impl SiteShown {
    /// The site as lines for people.
    pub(super) fn lines(&self) -> Vec<String> {
        let Self { name, url, settings, done, whole } = self;
        if let Some(done) = done {
            return vec![show(format!("{done} {name}: {url}").as_bytes())];
        }
        if !whole {
            return vec![show(format!("{name:<16} {url}").as_bytes())];
        }
        let all = [("site", name.as_str()), ("url", url)];
        let all = all.into_iter().chain(settings.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        all.map(|(key, value)| show(format!("{key:<17} {value}").as_bytes())).collect()
    }
}

/// What is set, by its key.
fn by_key<S: Serializer>(settings: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(settings.iter().map(|(key, value)| (key, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_with_what_to_do() {
        assert_eq!(Checked::good("tls", "TLS 1.3").line(), "ok   tls         TLS 1.3");
        let bad = Checked::bad("clock", "it is a day behind\u{1b}", "set it");
        assert_eq!(bad.line(), "BAD  clock       it is a day behind%1B; set it");
        let of_lab = Checked { of: "lab".into(), is_one_of_several: true, ..Checked::good("tls", "TLS 1.3") };
        assert_eq!(of_lab.line(), "ok   lab              tls         TLS 1.3");
    }

    #[test]
    fn a_site_is_a_line_of_a_list_or_has_a_line_for_each_setting() {
        let site = SiteShown {
            name: "lab".into(),
            url: "ftp://ann@h".into(),
            settings: vec![("password".into(), "from the file /x".into())],
            done: None,
            whole: false,
        };
        assert_eq!(site.lines(), ["lab              ftp://ann@h"]);
        let whole = SiteShown { whole: true, ..site.clone() };
        assert_eq!(
            whole.lines(),
            ["site              lab", "url               ftp://ann@h", "password          from the file /x"]
        );
        assert_eq!(SiteShown { done: Some("added"), ..site }.lines(), ["added lab: ftp://ann@h"]);
    }
}
