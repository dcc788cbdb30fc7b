//! What every request goes through: who asks, admission, its span, its meters, its problem document.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use callboard_core::port::BoxFuture;
use callboard_core::trace::TraceContext;
use callboard_core::{Blame, Code, Error, Grants, Principal};
use callboard_wire::problem::Problem;
use http::request::Parts;
use http::{HeaderMap, Method};
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument;

use super::{Answer, Call, Http, answer};
use crate::auth::{Authenticator, credentials, permit};
use crate::config::GatewayConfig;
use crate::doors::Doors;
use crate::metrics::RouteMeters;

/// Whether a request counts among those under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It does, and is refused when there are too many.
    Counted,
    /// It is always answered: health, and what costs nothing.
    Free,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// Whoever reaches the node.
    Anyone,
    /// Whom the node lets in; the handler looks at what it may do.
    Known,
    /// Who may do what operators do.
    Operators,
}

/// Builds routes.
pub(super) struct Route<'a> {
    http: &'a Arc<Http>,
    access: Access,
}

impl<'a> Route<'a> {
    pub(super) const fn anyone(http: &'a Arc<Http>) -> Self {
        Self { http, access: Access::Anyone }
    }

    pub(super) const fn known(http: &'a Arc<Http>) -> Self {
        Self { http, access: Access::Known }
    }

    pub(super) const fn operators(http: &'a Arc<Http>) -> Self {
        Self { http, access: Access::Operators }
    }

    pub(super) fn get<F, Fut>(&self, label: &'static str, run: F) -> MethodRouter
    where
        F: Fn(Arc<Http>, Call) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        on(MethodFilter::GET, self.endpoint("GET", label, Admission::Counted, run))
    }

    pub(super) fn get_always<F, Fut>(&self, label: &'static str, run: F) -> MethodRouter
    where
        F: Fn(Arc<Http>, Call) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        on(MethodFilter::GET, self.endpoint("GET", label, Admission::Free, run))
    }

    pub(super) fn post<F, Fut>(&self, label: &'static str, run: F) -> MethodRouter
    where
        F: Fn(Arc<Http>, Call) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        on(MethodFilter::POST, self.endpoint("POST", label, Admission::Counted, run))
    }

    pub(super) fn delete<F, Fut>(&self, label: &'static str, run: F) -> MethodRouter
    where
        F: Fn(Arc<Http>, Call) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        on(MethodFilter::DELETE, self.endpoint("DELETE", label, Admission::Counted, run))
    }

    /// A handler of axum's around a handler of ours. The label names the route in metrics and spans.
    pub(super) fn endpoint<F, Fut>(
        &self,
        method: &'static str,
        label: &'static str,
        admission: Admission,
        run: F,
    ) -> impl Fn(Request) -> BoxFuture<'static, Response> + Clone + Send + Sync + 'static
    where
        F: Fn(Arc<Http>, Call) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        let http = Arc::clone(self.http);
        let gate = Gate { label, access: self.access, admission };
        let meters = Arc::new(RouteMeters::new(label, method));
        move |request| {
            let (http, meters, run) = (Arc::clone(&http), Arc::clone(&meters), run.clone());
            Box::pin(async move { observe(http, &meters, gate, request, run).await })
        }
    }
}

/// A route, and whom it lets through.
#[derive(Clone, Copy)]
struct Gate {
    label: &'static str,
    access: Access,
    admission: Admission,
}

async fn observe<F, Fut>(http: Arc<Http>, meters: &RouteMeters, gate: Gate, request: Request, run: F) -> Response
where
    F: Fn(Arc<Http>, Call) -> Fut,
    Fut: Future<Output = Answer>,
{
    let started = http.doors.clock.instant();
    let trace = trace_of(request.headers(), &http);
    let span = tracing::info_span!(
        "http",
        method = method_name(request.method()),
        route = gate.label,
        trace_id = format_args!("{:032x}", trace.trace_id),
        status = tracing::field::Empty,
    );
    let (parts, body) = request.into_parts();
    let answer = async {
        let principal = let_in(&http, &parts, gate.access)?;
        let permit = match gate.admission {
            Admission::Free => None,
            Admission::Counted => Some(admit(&http)?),
        };
        run(Arc::clone(&http), Call { parts, body, trace, principal, permit, share: None }).await
    }
    .instrument(span.clone())
    .await;
    let mut response = answer.unwrap_or_else(|problem| {
        let problem = problem.in_trace(&trace);
        span.in_scope(|| log(&problem));
        answer::problem(&problem)
    });
    answer::set(response.headers_mut(), "traceparent", trace.to_string());
    span.record("status", response.status().as_u16());
    meters.answered(response.status(), http.doors.clock.instant().saturating_duration_since(started));
    response
}

/// Who asks, if it may.
fn let_in(http: &Http, parts: &Parts, access: Access) -> Result<Arc<Principal>, Error> {
    if access == Access::Anyone {
        return Ok(Arc::clone(&http.nobody));
    }
    // Scripts and servers send no origin; a page that was not asked for sends one with everything that could do harm.
    http.auth.origins().check_request(&parts.headers, &parts.uri)?;
    let principal = known(http, parts)?;
    if access == Access::Operators {
        permit::operate(&principal)?;
    }
    Ok(principal)
}

/// Who asks.
pub(super) fn known(http: &Http, parts: &Parts) -> Result<Arc<Principal>, Error> {
    Ok(http.auth.authenticate(credentials::bearer(&parts.headers), http.doors.clock.now())?)
}

/// Routes with metrics, for operators only unless everybody may see them.
pub(crate) fn operators_only(
    routes: Router,
    doors: &Doors,
    auth: &Arc<Authenticator>,
    config: &GatewayConfig,
) -> Router {
    if config.auth.shows_metrics(config.listen) {
        return routes;
    }
    let (auth, clock) = (Arc::clone(auth), Arc::clone(&doors.clock));
    routes.layer(from_fn(move |request: Request, next: Next| {
        let token = credentials::bearer(request.headers());
        let principal = auth.authenticate(token, clock.now()).map_err(Error::from);
        let allowed = principal.and_then(|principal| permit::operate(&principal));
        async move {
            match allowed {
                Ok(()) => next.run(request).await,
                Err(error) => answer::problem(&error.into()),
            }
        }
    }))
}

/// Nobody in particular, who may do nothing.
pub(super) fn nobody() -> Arc<Principal> {
    Arc::new(Principal::anonymous(Grants::default()))
}

/// A place among the requests under way.
pub(super) fn admit(http: &Http) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(&http.requests).try_acquire_owned().map_err(|_| too_many("requests"))
}

/// What is refused because there are too many of it.
pub(super) fn too_many(what: &str) -> Problem {
    Problem::new(Code::Overloaded, format!("the node has as many {what} under way as it may; try again after a pause"))
}

// The door's own place in the caller's trace, or the beginning of a new one.
fn trace_of(headers: &HeaderMap, http: &Http) -> TraceContext {
    // Zero ids are not valid.
    let span_id = http.doors.entropy.next().max(1);
    let incoming = headers.get("traceparent").and_then(|value| value.to_str().ok()).and_then(TraceContext::parse);
    match incoming {
        Some(trace) => trace.child(span_id),
        None => TraceContext { trace_id: http.doors.entropy.next_u128().max(1), span_id, sampled: false },
    }
}

// A method that a client invented does not become a label.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn log(problem: &Problem) {
    let error = problem.error();
    let detail = error.detail().unwrap_or_default();
    match error.blame() {
        Blame::Platform => tracing::warn!(code = %error.code(), detail, "{}", error.message()),
        Blame::Actor | Blame::Caller => tracing::debug!(code = %error.code(), detail, "{}", error.message()),
    }
}
