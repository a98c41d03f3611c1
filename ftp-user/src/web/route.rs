//! The table of routes, and the way of a request: guard, scope, body, answer.

use super::api;
use super::call::{Answer, Call, Pairs, Peer, Web, encode};
use super::error::{ApiError, ErrorCode, Result};
use super::guard::{ClientGroup, cookie, forwarded, own_host, same_origin};
use super::page;
use super::serve::Connection;
use crate::queue::Scope;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, SET_COOKIE, WWW_AUTHENTICATE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use ftp_proto::address::Group;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The methods that routes have. `HEAD` goes with `GET`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Method {
    /// Reads and changes nothing.
    Get,
    /// Makes or changes something.
    Post,
    /// Removes a schedule.
    Delete,
}

impl Method {
    /// Its name in the description of the API.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Delete => "delete",
        }
    }

    const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

/// Who reads the answers of a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Area {
    /// Programs, with JSON.
    Api,
    /// People, with pages.
    Page,
}

/// What an answer is, as the description of the API has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Content {
    /// An object with this schema.
    Json(&'static str),
    /// A text of this media type.
    Text(&'static str),
}

/// Something that can be asked for.
pub(crate) struct Route {
    /// The method of the request.
    pub(crate) method: Method,
    /// The path, with `{id}` for an id.
    pub(crate) path: &'static str,
    /// Who reads the answer.
    pub(crate) area: Area,
    /// The scope that is needed; `None` if anybody may ask.
    pub(crate) scope: Option<Scope>,
    /// The keys that the query may have.
    pub(crate) query: &'static [&'static str],
    /// What it is for, in one line.
    pub(crate) summary: &'static str,
    /// What the answer is.
    pub(crate) content: Content,
    /// What answers it.
    pub(crate) answer: fn(&Call) -> Result<Answer>,
}

/// The scope of a route that every token may use.
pub(crate) const READ: Option<Scope> = Some(Scope::Read);
/// Of a route that makes or changes jobs.
pub(crate) const SUBMIT: Option<Scope> = Some(Scope::Submit);

impl Route {
    /// A route for programs. Its answer is a job, unless [`answers`](Self::answers) says otherwise.
    pub(crate) const fn api(
        method: Method,
        path: &'static str,
        scope: Option<Scope>,
        summary: &'static str,
        answer: fn(&Call) -> Result<Answer>,
    ) -> Self {
        let content = Content::Json("Job");
        Self { method, path, area: Area::Api, scope, query: &[], summary, content, answer }
    }

    /// A route for people.
    pub(crate) const fn page(
        method: Method,
        path: &'static str,
        scope: Option<Scope>,
        summary: &'static str,
        answer: fn(&Call) -> Result<Answer>,
    ) -> Self {
        let content = Content::Text("text/html");
        Self { area: Area::Page, content, ..Self::api(method, path, scope, summary, answer) }
    }

    /// The same route with these keys of its query.
    pub(crate) const fn asks(self, query: &'static [&'static str]) -> Self {
        Self { query, ..self }
    }

    /// The same route with another answer.
    pub(crate) const fn answers(self, content: Content) -> Self {
        Self { content, ..self }
    }
}

/// All routes there are.
pub(crate) fn routes() -> impl Iterator<Item = &'static Route> {
    api::ROUTES.iter().chain(page::ROUTES)
}

/// What answers all requests.
pub(crate) fn router(web: Arc<Web>) -> Router {
    let mut router = Router::new();
    for route in routes() {
        let state = Arc::clone(&web);
        let answer = move |ids: Result<RawPathParams, RawPathParamsRejection>, request: Request| async move {
            // What is not UTF-8 names nothing.
            let Ok(ids) = ids else { return response_of_error(route.area, &ApiError::not_found("page")) };
            let id = ids.iter().next().map(|(_, id)| id.to_owned()).unwrap_or_default();
            match answer(&state, route, id, request).await {
                Ok(response) => response,
                Err(error) => response_of_error(route.area, &error),
            }
        };
        router = router.route(route.path, on(route.method.filter(), answer));
    }
    router
        .fallback(|request: Request| async move {
            response_of_error(area(&request), &ApiError::not_found("page"))
        })
        .method_not_allowed_fallback(|request: Request| async move {
            let message = format!("{} does not take {}", request.uri().path(), request.method());
            response_of_error(area(&request), &ApiError::new(ErrorCode::MethodNotAllowed, message))
        })
        .layer(from_fn_with_state(web, guarded))
}

/// Who reads the answer for a path that is no route.
fn area(request: &Request) -> Area {
    let path = request.uri().path();
    if path.starts_with("/api/") || routes().any(|route| route.area == Area::Api && route.path == path) {
        return Area::Api;
    }
    Area::Page
}

/// The host that a request was meant for, after it was checked.
#[derive(Clone)]
struct OwnHost(String);

/// Checks the head of a request, and adds the headers that each answer has.
async fn guarded(State(web): State<Arc<Web>>, mut request: Request, next: Next) -> Response {
    let area = area(&request);
    let mut response = match check_head(&web, &mut request) {
        Ok(()) => next.run(request).await,
        Err(error) => response_of_error(area, &error),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn check_head(web: &Web, request: &mut Request) -> Result<()> {
    let uri = request.uri();
    let line = uri.path_and_query().map_or(0, |target| target.as_str().len());
    let lines = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    if line + lines.sum::<usize>() > MOST_HEAD {
        return Err(ApiError::new(ErrorCode::HeadTooLarge, "the head is larger than 16 KiB"));
    }
    let Some(mut peer) = request.extensions().get::<Peer>().cloned() else {
        return Err(ApiError::new(ErrorCode::Internal, "the connection is unknown"));
    };
    let host = own_host(request.headers(), &peer, &web.settings.hosts)?;
    if uri.authority().is_some_and(|named| !named.as_str().eq_ignore_ascii_case(&host)) {
        return Err(ApiError::new(ErrorCode::WrongHost, "the request names two hosts"));
    }
    if web.settings.trust_proxy && peer.who == ClientGroup::Socket && peer.user.is_none() {
        peer.address = forwarded(request.headers());
        peer.who =
            peer.address.map_or(ClientGroup::Socket, |address| ClientGroup::Address(Group::of(address)));
        peer.is_tls = request.headers().get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    }
    request.extensions_mut().insert(peer);
    request.extensions_mut().insert(OwnHost(host));
    Ok(())
}

/// Leads a request through the checks of its route.
async fn answer(web: &Arc<Web>, route: &'static Route, id: String, request: Request) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let no_connection = || ApiError::new(ErrorCode::Internal, "the connection is unknown");
    let peer = parts.extensions.get::<Peer>().cloned().ok_or_else(no_connection)?;
    let connection = parts.extensions.get::<Arc<Connection>>().cloned().ok_or_else(no_connection)?;
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let last_event = parts.headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let mut call = Call {
        web: Arc::clone(web),
        peer,
        known: None,
        id,
        target,
        query: Pairs::parse(parts.uri.query().unwrap_or_default().as_bytes())?,
        body: Vec::new(),
        // What is no number is treated as that of an event which never was: the reader is told `reset`.
        last_event: last_event.map(|value| value.trim().parse().unwrap_or(u64::MAX)),
        cookie: cookie(&parts.headers),
    };
    let is_asset = route.path.starts_with("/assets/");
    if route.scope.is_some() || (route.area == Area::Page && !is_asset) {
        let headers = parts.headers.clone();
        let (known, back) =
            blocking(move || (call.web.guard.know(call.fleet(), &call.peer, &headers), call)).await?;
        call = back;
        call.known = match known {
            Err(error) if route.area == Area::Page && error.code == ErrorCode::Unauthorized => None,
            known => known?,
        };
    }
    if let Some(scope) = route.scope {
        if call.known.is_none() && is_metrics_reader(&call, route) {
            // The metrics are open to this address.
        } else if call.known.is_none() && route.area == Area::Page {
            let next = if route.method == Method::Get { call.target.as_str() } else { "/" };
            return see(&format!("/login?next={}", encode(next)), None);
        } else {
            permit(&call, scope)?;
        }
    }
    call.query.only(route.query)?;
    if route.method != Method::Get {
        call.body = body_of(route, &parts.headers, body).await?;
        check_origin(&call, route, &parts)?;
    }
    let (answer, call) = blocking(move || ((route.answer)(&call), call)).await?;
    respond(answer?, call, &connection)
}

/// Whether the address may read the metrics without a token.
fn is_metrics_reader(call: &Call, route: &Route) -> bool {
    let may = |address| (call.web.settings.metrics_from)(address);
    route.path == "/metrics" && call.peer.address.is_some_and(may)
}

fn permit(call: &Call, scope: Scope) -> Result<()> {
    let caller = call.caller()?;
    if caller.scope >= scope {
        return Ok(());
    }
    let (has, needs) = (caller.scope.name(), scope.name());
    Err(ApiError::new(ErrorCode::Forbidden, format!("a token of scope {has} does not permit this"))
        .hint(format!("use a token of scope {needs}")))
}

/// Reads a body of the type that the route takes.
async fn body_of(route: &Route, headers: &HeaderMap, body: Body) -> Result<Vec<u8>> {
    let too_large = || ApiError::new(ErrorCode::TooLarge, "the body is larger than 1 MiB");
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > MOST_BODY) {
        return Err(too_large());
    }
    let bytes = match timeout(BODY_TIMEOUT, to_bytes(body, MOST_BODY)).await {
        Err(_) => return Err(ApiError::new(ErrorCode::Timeout, "the body did not come in time")),
        Ok(bytes) => bytes.map_err(|_| too_large())?,
    };
    let expected = match route.area {
        Area::Api => "application/json",
        Area::Page => "application/x-www-form-urlencoded",
    };
    let given = headers.get(CONTENT_TYPE).and_then(|given| given.to_str().ok()).unwrap_or_default();
    let given = given.split(';').next().unwrap_or_default().trim();
    if !bytes.is_empty() && !given.eq_ignore_ascii_case(expected) {
        let message = format!("the body has another type than {expected}");
        return Err(ApiError::new(ErrorCode::UnsupportedType, message).hint("set Content-Type"));
    }
    Ok(bytes.into())
}

/// Refuses what a page of somebody else may have sent with the cookie of a browser.
fn check_origin(call: &Call, route: &Route, parts: &Parts) -> Result<()> {
    let host = parts.extensions.get::<OwnHost>().map_or("", |host| host.0.as_str());
    let has_origin = parts.headers.contains_key("origin");
    let session = call.known.as_ref().and_then(|known| known.session());
    match (route.area, session) {
        (Area::Api, Some(_)) => Err(ApiError::new(ErrorCode::Forbidden, "a cookie changes nothing here")
            .hint("send Authorization: Bearer TOKEN")),
        (Area::Api, None) => Ok(()),
        (Area::Page, None) if !has_origin => Ok(()),
        (Area::Page, None) => same_origin(&parts.headers, host, &call.peer),
        (Area::Page, Some(session)) => {
            same_origin(&parts.headers, host, &call.peer)?;
            // A second login replaces the session, and has its secret only if the page was opened within it.
            let form = Pairs::parse(&call.body)?;
            match form.get(page::SECRET) {
                Some(secret) if session.has_secret(secret) => Ok(()),
                _ => Err(ApiError::new(ErrorCode::Forbidden, "the form is not one of this session")
                    .hint("open the page again and send the form from there")),
            }
        }
    }
}

/// Runs what may block on a thread that may.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let failed = |_| ApiError::new(ErrorCode::Internal, "the request could not be answered");
    tokio::task::spawn_blocking(work).await.map_err(failed)
}

fn respond(answer: Answer, call: Call, connection: &Arc<Connection>) -> Result<Response> {
    let typed = |status: u16, kind: &'static str, body: Body| {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(CONTENT_TYPE, kind)], body).into_response()
    };
    Ok(match answer {
        Answer::Json(status, value) => typed(status, JSON, value.to_string().into()),
        Answer::Text(kind, text) => typed(200, kind, text.into()),
        Answer::Page(status, html) => typed(status, HTML, html.into()),
        Answer::Asset(kind, text) => {
            let forever = (CACHE_CONTROL, "public, max-age=31536000, immutable");
            ([(CONTENT_TYPE, kind), forever], text).into_response()
        }
        Answer::See(place, cookie) => see(&place, cookie)?,
        Answer::Events(feed) => {
            connection.become_stream(call.peer.who)?;
            let frames = api::Frames::stream(feed, call, connection.stopping.clone());
            let mut response = typed(200, "text/event-stream", Body::from_stream(frames));
            // The seat of the connection was given back, so it carries no other request.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
            response
        }
    })
}

/// Sends a browser to another page of this daemon.
fn see(place: &str, cookie: Option<String>) -> Result<Response> {
    let header = |text: &str| {
        HeaderValue::from_str(text)
            .map_err(|_| ApiError::new(ErrorCode::BadRequest, "the place is not a text"))
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(LOCATION, header(place)?);
    if let Some(cookie) = cookie {
        response.headers_mut().insert(SET_COOKIE, header(&cookie)?);
    }
    Ok(response)
}

/// An error as its reader understands it.
fn response_of_error(area: Area, error: &ApiError) -> Response {
    let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (kind, body) = match area {
        Area::Api => (JSON, error.body().to_string()),
        Area::Page => (HTML, page::of_error(error)),
    };
    let mut response = (status, [(CONTENT_TYPE, kind)], body).into_response();
    if error.code == ErrorCode::Unauthorized {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if matches!(error.code, ErrorCode::Timeout | ErrorCode::TooLarge) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The headers that each answer has, unless it has its own.
const HEADERS: [(&str, &str); 7] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    // With no-referrer browsers would send the Origin null with forms.
    ("referrer-policy", "same-origin"),
    ("cache-control", "no-store"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                      connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'";
const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";
/// The largest size of a head in bytes.
const MOST_HEAD: usize = 16 * 1024;
/// The largest size of a body in bytes.
const MOST_BODY: usize = 1024 * 1024;
/// How long a body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
