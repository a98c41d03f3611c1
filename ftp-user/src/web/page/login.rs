//! A token is exchanged for a cookie, and given back.

use super::html::Html;
use super::layout::{alert, page_with};
use super::{SECRET, button, secret};
use crate::web::call::{Answer, Call, Pairs};
use crate::web::error::{ApiError, ErrorCode, Result};
use crate::web::guard::sessions::{COOKIE, LIFETIME};
use crate::web::guard::tokens::digest;

/// Shows the form for a token.
pub(super) fn show(call: &Call) -> Result<Answer> {
    Ok(form(call, call.query.get("next").unwrap_or("/"), None))
}

fn form(call: &Call, next: &str, error: Option<&ApiError>) -> Answer {
    let content = Html::of(
        r#"<div class="narrow"><h1>Log in</h1>{}<form method="post" action="/login" class="fields">{}
        <input type="hidden" name="next" value="{}"><label for="token">Token</label>
        <input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
        <p class="hint"><code>ftp-user daemon token --scope submit</code> makes a token. The session lasts 12 hours.</p>
        <div><button class="primary">Log in</button></div></form></div>"#,
        &[&Html::each(error, alert), &secret(call), &next],
    );
    page_with(call, "/login", "Log in", &content, error.map_or(200, |error| error.code.status()))
}

/// Exchanges a token for a cookie.
pub(super) fn send(call: &Call) -> Result<Answer> {
    let given = Pairs::parse(&call.body)?;
    given.only(&[SECRET, "next", "token"])?;
    let token = given.get("token").unwrap_or_default().trim();
    let next = own_place(given.get("next").unwrap_or("/"));
    match call.web.guard.examine(call.fleet(), call.peer.who, token) {
        Ok(_) => {}
        Err(error) if error.code == ErrorCode::Unauthorized => {
            let error =
                ApiError { message: "This token is not valid.".to_owned(), hint: String::new(), ..error };
            return Ok(form(call, next, Some(&error)));
        }
        Err(error) => return Ok(form(call, next, Some(&error))),
    }
    if let Some(cookie) = &call.cookie {
        call.web.guard.sessions.close(cookie);
    }
    let cookie = call.web.guard.sessions.open(digest(token), call.web.guard.clock.now())?;
    Ok(Answer::See(next.to_owned(), Some(set_cookie(call, &cookie, LIFETIME.as_secs()))))
}

/// A place of this daemon, never one of another host.
fn own_place(place: &str) -> &str {
    let is_own = place.starts_with('/') && !place.starts_with("//") && !place.contains('\\');
    let is_plain = place.bytes().all(|byte| (0x21..0x7f).contains(&byte));
    if is_own && is_plain { place } else { "/" }
}

fn set_cookie(call: &Call, value: &str, seconds: u64) -> String {
    let secure = if call.peer.is_tls { "; Secure" } else { "" };
    format!("{COOKIE}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}{secure}")
}

/// Asks whether to end the session: a link alone changes nothing.
pub(super) fn ask_to_leave(call: &Call) -> Result<Answer> {
    let button = button(call, "/logout", "Log out", "primary");
    let content = Html::of(r#"<div class="narrow"><h1>Log out</h1>{}</div>"#, &[&button]);
    Ok(page_with(call, "/logout", "Log out", &content, 200))
}

/// Ends the session.
pub(super) fn leave(call: &Call) -> Result<Answer> {
    if let (Some(cookie), Some(_)) = (&call.cookie, &call.known) {
        call.web.guard.sessions.close(cookie);
    }
    Ok(Answer::See("/login".to_owned(), Some(set_cookie(call, "", 0))))
}
