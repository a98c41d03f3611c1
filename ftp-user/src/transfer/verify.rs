//! Two final replies prove no octet (H16): the copy is compared with its source.

use super::{Ends, Host};
use crate::app::App;
use crate::cli::Exit;
use crate::problem::Problem;
use crate::report::Verified;
use ftp_proto::digest::{Algorithm, strongest_common};
use ftp_proto::wire::PathName;

/// How to verify.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, clap::ValueEnum)]
pub enum Verify {
    /// As strongly as both ends can, never below size.
    #[default]
    Auto,
    /// Not at all.
    None,
    /// By size.
    Size,
    /// By digest.
    Hash,
}

impl Verify {
    /// What will verify a file, if its size is known.
    pub(super) async fn by(self, app: &App, ends: &mut Ends, size: Option<u64>) -> Result<Verified, Problem> {
        let common = common(app, ends, &[]).await?;
        self.with(common, size)
    }

    /// Compares the copy with its source, as strongly as both ends can; how.
    ///
    /// An end that does not compute a digest that it has in FEAT, or not of this file, is compared
    /// by the next weaker one (H22).
    pub(super) async fn prove(
        self,
        app: &App,
        ends: &mut Ends,
        source: &PathName,
        copy: &PathName,
        size: Option<u64>,
    ) -> Result<Verified, Problem> {
        let (mut refused, mut why) = (Vec::new(), None);
        loop {
            let common = common(app, ends, &refused).await?;
            let means = match (self.with(common, size), why.take()) {
                (Ok(means), None) => means,
                (Ok(means), Some(why)) => {
                    let weaker = match means {
                        Verified::Hash(algorithm) => format!("{} digests", algorithm.name()),
                        Verified::Size => "sizes".to_owned(),
                        Verified::None => return Ok(means),
                    };
                    app.events.warn(format!("{why}; {weaker} are compared instead"));
                    means
                }
                (Err(_), Some(why)) => return Err(Problem { exit: Exit::Unverified, ..why }),
                (Err(problem), None) => return Err(problem),
            };
            match compare(app, ends, source, copy, means, size.unwrap_or(0)).await? {
                Ok(()) => return Ok(means),
                Err(problem) => why = Some(problem),
            }
            refused.extend(common);
        }
    }

    fn with(self, common: Option<Algorithm>, size: Option<u64>) -> Result<Verified, Problem> {
        match (self, common, size) {
            (Self::None, ..) => Ok(Verified::None),
            (Self::Auto | Self::Hash, Some(algorithm), _) => Ok(Verified::Hash(algorithm)),
            (Self::Auto | Self::Size, _, Some(_)) => Ok(Verified::Size),
            (Self::Hash, None, _) => Err(Problem::new(
                Exit::Unverified,
                "the two ends know no common digest, so that nothing could be verified by hash",
            )
            .advice("--verify size compares sizes")),
            (Self::Auto | Self::Size, _, None) => Err(Problem::new(
                Exit::Unverified,
                "the source does not say how large the file is, so that nothing could be verified",
            )
            .advice("--verify none copies without")),
        }
    }
}

/// The strongest digest that both ends know, by whatever commands, and that is none of `refused`.
pub(super) async fn common(
    app: &App,
    ends: &mut Ends,
    refused: &[Algorithm],
) -> Result<Option<Algorithm>, Problem> {
    let mut source = ends.source.algorithms(app).await?;
    source.retain(|algorithm| !refused.contains(algorithm));
    Ok(strongest_common(&source, &ends.destination.algorithms(app).await?))
}

/// Compares the file at the source with the copy, by `means`. Nobody is told that it is the same
/// who cannot know; the inner error is an end that does not give its digest.
pub(super) async fn compare(
    app: &App,
    ends: &mut Ends,
    source: &PathName,
    copy: &PathName,
    means: Verified,
    size: u64,
) -> Result<Result<(), Problem>, Problem> {
    let Ends { source: from, destination: to, .. } = ends;
    match means {
        Verified::None => Ok(Ok(())),
        Verified::Size => {
            // Again, not from before: the source may have changed meanwhile.
            let (there, here) = tokio::try_join!(from.size(app, source), to.size(app, copy))?;
            match (there, here) {
                (Some(there), Some(here)) if there == here => Ok(Ok(())),
                (Some(there), Some(here)) => {
                    Err(differs(from, source, &format!("the source has {there} octets and the copy {here}")))
                }
                (None, _) => Err(differs(from, source, "the source does not say its size")),
                (Some(_), None) => {
                    Err(differs(from, source, "the destination does not say the size of the copy"))
                }
            }
        }
        Verified::Hash(algorithm) => {
            let (there, here) = tokio::try_join!(
                from.digest(app, algorithm, source, size),
                to.digest(app, algorithm, copy, size)
            )?;
            let (there, here) = match (there, here) {
                (Ok(there), Ok(here)) => (there, here),
                (Err(problem), _) | (_, Err(problem)) => return Ok(Err(problem)),
            };
            if there.hex.eq_ignore_ascii_case(&here.hex) {
                Ok(Ok(()))
            } else {
                Err(differs(
                    from,
                    source,
                    &format!("{} of the source is {}, of the copy {}", algorithm.name(), there.hex, here.hex),
                ))
            }
        }
    }
}

fn differs(host: &Host, path: &PathName, why: &str) -> Problem {
    Problem::new(Exit::Unverified, format!("the copy of {} is not the same", host.show(path)))
        .said(why)
        .advice("copy it again when nobody writes to it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_takes_the_strongest_and_never_less_than_size() {
        let sha = Some(Algorithm::Sha256);
        let check = |mode: Verify, common, size, expect: Result<Verified, Exit>| {
            assert_eq!(mode.with(common, size).map_err(|problem| problem.exit), expect, "{mode:?}");
        };
        check(Verify::Auto, sha, Some(1), Ok(Verified::Hash(Algorithm::Sha256)));
        check(Verify::Auto, None, Some(1), Ok(Verified::Size));
        check(Verify::Auto, None, None, Err(Exit::Unverified));
        check(Verify::Size, sha, Some(1), Ok(Verified::Size));
        check(Verify::Size, sha, None, Err(Exit::Unverified));
        check(Verify::Hash, None, Some(1), Err(Exit::Unverified));
        check(Verify::Hash, sha, None, Ok(Verified::Hash(Algorithm::Sha256)));
        check(Verify::None, None, None, Ok(Verified::None));
    }
}
