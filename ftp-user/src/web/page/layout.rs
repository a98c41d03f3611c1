//! What all pages have: head, navigation, and the place where changes are said.

use super::assets::{ICON_LINK, SCRIPT_LINK, STYLE_LINK};
use super::button;
use super::html::Html;
use crate::web::call::{Answer, Call};
use crate::web::error::ApiError;
use crate::web::fleet::Caller;

/// The pages that the navigation names.
const PAGES: [(&str, &str); 5] = [
    ("/", "Jobs"),
    ("/new", "New job"),
    ("/pairs", "Pairs"),
    ("/workers", "Workers"),
    ("/series", "Schedules"),
];

/// A page for a caller, whose content the script replaces with what the page shows later.
pub(super) fn page(call: &Call, here: &'static str, title: &str, content: &Html) -> Answer {
    page_with(call, here, title, content, 200)
}

/// A page for a caller, with a status.
pub(super) fn page_with(call: &Call, here: &'static str, title: &str, content: &Html, status: u16) -> Answer {
    let link = |(place, name): &(&'static str, &'static str)| {
        let current = Html::when(*place == here, r#" aria-current="page""#);
        Html::of(r#"<li><a href="{}"{}>{}</a></li>"#, &[place, &current, name])
    };
    let permitted = PAGES.iter().filter(|(place, _)| *place != "/new" || call.may_submit());
    let links = Html::each(permitted, link);
    let caller = call.caller().ok();
    let who = |caller: &Caller| {
        let log_out = Html::each((!caller.is_local).then_some("/logout"), |place| {
            button(call, place, "Log out", "quiet")
        });
        Html::of(
            r#"<nav aria-label="Main"><ul>{}</ul></nav>
            <div class="who"><span>{} <span class="muted">{}</span></span>{}</div>"#,
            &[&links, &caller.name, &caller.scope.name(), &log_out],
        )
    };
    let header = header(&call.web.settings.name, &Html::each(caller, who));
    Answer::Page(status, whole(title, &header, content, caller.is_some()))
}

fn header(brand: &str, navigation: &Html) -> Html {
    Html::of(
        r#"<header><div class="bar"><a class="brand" href="/">{}</a>{}</div></header>"#,
        &[&brand, navigation],
    )
}

/// The text of a whole page.
fn whole(title: &str, header: &Html, content: &Html, follows: bool) -> String {
    Html::of(
        r##"<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <link rel="icon" type="image/svg+xml" href="{}"><meta name="color-scheme" content="light dark">
        <link rel="stylesheet" href="{}"><script src="{}" defer></script></head>
        <body{}><a class="skip" href="#main">Skip to content</a>{}<main id="main" tabindex="-1">
        <p id="said" class="said" role="status" aria-live="polite"></p>{}</main></body></html>"##,
        &[
            &title,
            &*ICON_LINK,
            &*STYLE_LINK,
            &*SCRIPT_LINK,
            &Html::when(follows, " data-follow"),
            header,
            content,
        ],
    )
    .finish()
}

/// The page that says why there is no other.
pub(crate) fn of_error(error: &ApiError) -> String {
    let hint = Html::each(hint_of(error), |hint| Html::of("<p>{}</p>", &[hint]));
    let content = Html::of(
        r#"<h1>{} {}</h1>{}<p><a href="/">Go to the jobs</a></p>"#,
        &[&error.code.status(), &error.message, &hint],
    );
    whole(&error.message, &header("Jobs", &Html::default()), &content, false)
}

/// What is wrong with a form, above it.
pub(super) fn alert(error: &ApiError) -> Html {
    let hint = Html::each(hint_of(error), |hint| Html::of(" {}", &[hint]));
    Html::of(r#"<div class="alert" role="alert"><strong>{}</strong>{}</div>"#, &[&error.message, &hint])
}

fn hint_of(error: &ApiError) -> Option<&String> {
    Some(&error.hint).filter(|hint| !hint.is_empty())
}
