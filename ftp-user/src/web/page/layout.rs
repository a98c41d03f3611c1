//! What all pages have: head, navigation, and the place where changes are said.

use super::assets::{ICON_LINK, SCRIPT_LINK, STYLE_LINK};
use super::button;
use super::html::Html;
use crate::web::call::{Answer, Call};
use crate::web::error::ApiError;

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
    let link = |html: Html, (place, name): &(&'static str, &'static str)| {
        if *place == "/new" && !call.may_submit() {
            return html;
        }
        let html = html.raw("<li><a href=\"").raw(place).raw("\"");
        html.when(*place == here, |html| html.raw(" aria-current=\"page\""))
            .raw(">")
            .raw(name)
            .raw("</a></li>")
    };
    let caller = call.caller().ok();
    let navigation = Html::new("<header><div class=\"bar\"><a class=\"brand\" href=\"/\">")
        .text(&call.web.settings.name)
        .raw("</a>")
        .some(caller, |html, caller| {
            html.raw("<nav aria-label=\"Main\"><ul>")
                .each(&PAGES, link)
                .raw("</ul></nav><div class=\"who\"><span>")
                .text(&caller.name)
                .raw(" <span class=\"muted\">")
                .raw(caller.scope.name())
                .raw("</span></span>")
                .when(!caller.is_local, |html| html.add(&button(call, "/logout", "Log out", "quiet")))
                .raw("</div>")
        })
        .raw("</div></header>");
    Answer::Page(status, whole(title, &navigation, content, caller.is_some()))
}

/// The text of a whole page.
fn whole(title: &str, navigation: &Html, content: &Html, follows: bool) -> String {
    Html::new("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>")
        .text(title)
        .raw("</title><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
        .raw("<link rel=\"icon\" type=\"image/svg+xml\" href=\"")
        .text(&*ICON_LINK)
        .raw("\"><meta name=\"color-scheme\" content=\"light dark\">")
        .raw("<link rel=\"stylesheet\" href=\"")
        .text(&*STYLE_LINK)
        .raw("\"><script src=\"")
        .text(&*SCRIPT_LINK)
        .raw("\" defer></script></head><body")
        .when(follows, |html| html.raw(" data-follow"))
        .raw("><a class=\"skip\" href=\"#main\">Skip to content</a>")
        .add(navigation)
        .raw(
            "<main id=\"main\" tabindex=\"-1\"><p id=\"said\" class=\"said\" role=\"status\" \
             aria-live=\"polite\"></p>",
        )
        .add(content)
        .raw("</main></body></html>\n")
        .finish()
}

/// The page that says why there is no other.
pub(crate) fn of_error(error: &ApiError) -> String {
    let navigation =
        Html::new("<header><div class=\"bar\"><a class=\"brand\" href=\"/\">Jobs</a></div></header>");
    let content = Html::new("<h1>").text(error.code.status()).raw(" ").text(&error.message).raw("</h1>");
    let content = content.when(!error.hint.is_empty(), |html| html.raw("<p>").text(&error.hint).raw("</p>"));
    whole(&error.message, &navigation, &content.raw("<p><a href=\"/\">Go to the jobs</a></p>"), false)
}

/// What is wrong with a form, above it.
pub(super) fn alert(error: &ApiError) -> Html {
    let html =
        Html::new("<div class=\"alert\" role=\"alert\"><strong>").text(&error.message).raw("</strong>");
    html.when(!error.hint.is_empty(), |html| html.raw(" ").text(&error.hint)).raw("</div>")
}
