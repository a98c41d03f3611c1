//! The places of a job: whether a caller may use them, and whether any worker has their sites.

use crate::failure::FtpUser;
use crate::place::{Place, Site, nearest};
use crate::queue::Scope;
use crate::web::error::{ApiError, ErrorCode, Result};
use crate::web::fleet::Caller;
use crate::web::view::SiteView;

/// What the place of a job names.
enum PlaceOfJob<'t> {
    /// A site, by its name.
    SiteName(&'t str),
    /// A server, by its URL.
    Server(Site),
    /// A file of this host.
    Local,
}

/// Checks all places of a job.
///
/// # Errors
///
/// A URL has a password, a site is unknown, or the caller may not use a place.
pub fn permit<'a>(
    caller: &Caller,
    places: impl IntoIterator<Item = &'a str>,
    sites: &[SiteView],
) -> Result<()> {
    places.into_iter().try_for_each(|place| permit_one(caller, place, sites))
}

fn permit_one(caller: &Caller, text: &str, sites: &[SiteView]) -> Result<()> {
    match read(text)? {
        PlaceOfJob::Local if caller.is_local => Ok(()),
        PlaceOfJob::Local => {
            Err(ApiError::new(ErrorCode::BadValue, format!("{text:?} is a place of this host"))
                .hint("name a site as SITE:path; places of this host go only over the daemon's own socket"))
        }
        PlaceOfJob::SiteName(site) if !caller.may_use(site) => {
            Err(forbidden(caller, &format!("the site {site:?}")))
        }
        PlaceOfJob::SiteName(site) if sites.iter().any(|known| known.name == site) => Ok(()),
        PlaceOfJob::SiteName(site) => {
            let usable = sites.iter().map(|known| known.name.as_str()).filter(|name| caller.may_use(name));
            let hint = match nearest(site, usable) {
                Some(near) => format!("did you mean {near}?"),
                None => "GET /api/v1/sites lists those that workers have".to_owned(),
            };
            Err(ApiError::new(ErrorCode::UnknownSite, format!("no worker has the site {site:?}")).hint(hint))
        }
        PlaceOfJob::Server(server) if server.password.is_some() => Err(ApiError::new(
            ErrorCode::BadValue,
            "a job in the queue has no password in it",
        )
        .hint(format!("keep the server {} as a site: {FtpUser} sites add --help tells how", server.host))),
        PlaceOfJob::Server(_) if caller.scope == Scope::Admin => Ok(()),
        PlaceOfJob::Server(server) => {
            let mut listed = sites.iter().filter(|site| caller.may_use(&site.name));
            match listed.any(|site| is_at(site, &server)) {
                true => Ok(()),
                false => Err(forbidden(caller, &format!("the server {:?}", server.host))),
            }
        }
    }
}

fn forbidden(caller: &Caller, what: &str) -> ApiError {
    ApiError::new(ErrorCode::Forbidden, format!("this token does not permit {what}"))
        .hint(format!("the settings of the daemon say which it does: [tokens.{}] sites = [...]", caller.name))
}

/// Reads a place; local paths are all that name no server.
fn read(text: &str) -> Result<PlaceOfJob<'_>> {
    if text.contains("://") {
        return match Place::parse(text.as_bytes()) {
            Ok(Place::Remote(remote)) => Ok(PlaceOfJob::Server(remote.site)),
            Ok(Place::Local(_)) | Err(_) => {
                Err(ApiError::new(ErrorCode::BadValue, "a place is not the URL of a server")
                    .hint("ftp://user@host:port/path"))
            }
        };
    }
    if let Some((site, _)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return Ok(PlaceOfJob::SiteName(site));
    }
    match text.split_once(':') {
        Some((site, _)) if !site.is_empty() && !site.contains('/') => Ok(PlaceOfJob::SiteName(site)),
        _ => Ok(PlaceOfJob::Local),
    }
}

/// Whether the URL of a site names this server and user, and asks for the same security.
fn is_at(site: &SiteView, server: &Site) -> bool {
    let host = |site: &Site| site.host.trim_end_matches('.').to_lowercase();
    let facts = |site: &Site| (site.security, host(site), site.port, site.user.clone());
    matches!(read(&site.url), Ok(PlaceOfJob::Server(own)) if facts(&own) == facts(server))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_permitted_by_its_site_or_by_the_same_server_and_user() {
        let site =
            |name: &str, url: &str| SiteView { name: name.into(), url: url.into(), workers: Vec::new() };
        let sites = [site("one", "ftpes://ann@one.example/pub"), site("two", "ftp://two.example:2121/")];
        let caller = |scope| Caller { name: "ann".into(), scope, sites: vec!["one".into()], is_local: false };
        let submit = |text: &str| permit_one(&caller(Scope::Submit), text, &sites).map_err(|e| e.code);
        let admin = |text: &str| permit_one(&caller(Scope::Admin), text, &sites).map_err(|e| e.code);
        let local = |text: &str| permit_one(&Caller::local("me"), text, &sites).map_err(|e| e.code);
        for (text, of_submit, of_admin) in [
            ("one:photos", Ok(()), Ok(())),
            ("[one]photos", Ok(()), Ok(())),
            ("two:", Err(ErrorCode::Forbidden), Ok(())),
            ("three:", Err(ErrorCode::Forbidden), Err(ErrorCode::UnknownSite)),
            ("ftpes://ann@ONE.example./x", Ok(()), Ok(())),
            ("ftp://ann@one.example/x", Err(ErrorCode::Forbidden), Ok(())),
            ("FTPES://%61nn@one.example:21/x", Ok(()), Ok(())),
            ("ftpes://bob@one.example/x", Err(ErrorCode::Forbidden), Ok(())),
            ("ftpes://one.example/x", Err(ErrorCode::Forbidden), Ok(())),
            ("ftps://ann@one.example/x", Err(ErrorCode::Forbidden), Ok(())),
            ("ftp://two.example:2121/x", Err(ErrorCode::Forbidden), Ok(())),
            ("ftp://ann:secret@one.example/x", Err(ErrorCode::BadValue), Err(ErrorCode::BadValue)),
            ("file:///etc/passwd", Err(ErrorCode::BadValue), Err(ErrorCode::BadValue)),
            ("/etc/passwd", Err(ErrorCode::BadValue), Err(ErrorCode::BadValue)),
            ("./a:b", Err(ErrorCode::BadValue), Err(ErrorCode::BadValue)),
            ("-", Err(ErrorCode::BadValue), Err(ErrorCode::BadValue)),
        ] {
            assert_eq!(submit(text), of_submit, "{text}");
            assert_eq!(admin(text), of_admin, "{text}");
        }
        assert_eq!(local("/etc/passwd"), Ok(()));
        let of_others = Caller { sites: vec!["one".into(), "tow".into()], ..caller(Scope::Submit) };
        let hint = |caller: &Caller, text: &str| permit_one(caller, text, &sites).unwrap_err().hint;
        assert_eq!(hint(&Caller::local("me"), "tow:"), "did you mean two?");
        assert!(hint(&of_others, "tow:").starts_with("GET "), "it may not know of two");
    }
}
