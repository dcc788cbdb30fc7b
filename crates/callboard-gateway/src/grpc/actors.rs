//! The `Actors` service.

use std::sync::Arc;
use std::time::Instant;

use callboard_core::declaration::{STATE_ACTIONS, fold};
use callboard_core::invocation::CallChain;
use callboard_core::port::ActorQuery;
use callboard_core::trace::TraceContext;
use callboard_core::{Code, Error, Invocation, Principal, TypeRef};
use callboard_wire::pb::convert::actors::{self as convert, Asked};
use callboard_wire::pb::v1;
use futures_util::FutureExt as _;
use tonic::{Request, Response, Status, Streaming};

use super::call::{Call, Door};
use super::invoke_stream::InvokeStream;
use super::listing::page;
use super::meters::Method;
use crate::auth::permit;

/// Actors of a listing that are read at once.
const CHUNK_LEN: usize = 100;

pub(super) struct Actors(pub(super) Arc<Door>);

#[tonic::async_trait]
impl v1::actors_server::Actors for Actors {
    async fn invoke(&self, request: Request<v1::InvokeRequest>) -> Result<Response<v1::InvokeResponse>, Status> {
        let call = Call::of(&self.0, Method::Invoke, &request)?;
        let reply = invoke(&self.0, &call.principal, request.into_inner(), call.deadline(), call.trace);
        call.wait(reply).await
    }

    type InvokeStreamStream = InvokeStream;

    async fn invoke_stream(
        &self,
        request: Request<Streaming<v1::InvokeStreamRequest>>,
    ) -> Result<Response<Self::InvokeStreamStream>, Status> {
        let call = Call::of(&self.0, Method::InvokeStream, &request)?;
        let stream = InvokeStream::new(request.into_inner(), Arc::clone(&self.0), &call);
        call.answer(Ok(stream))
    }

    async fn get_state(&self, request: Request<v1::GetStateRequest>) -> Result<Response<v1::GetStateResponse>, Status> {
        let call = Call::of(&self.0, Method::GetState, &request)?;
        let work = async {
            let (actor, at, json) = convert::state_asked(&request.into_inner())?;
            let state = self.0.doors.operator.state(actor, at).await?;
            Ok(convert::state(&state, json, &self.0.doors.descriptors))
        };
        call.run(work).await
    }

    async fn list(&self, request: Request<v1::ListActorsRequest>) -> Result<Response<v1::ListActorsResponse>, Status> {
        let call = Call::of(&self.0, Method::ListActors, &request)?;
        let work = async {
            let query = convert::query(request.into_inner())?;
            let (after, limit) = (query.after.clone(), query.limit);
            let fetch = |after, limit| self.0.doors.operator.actors(ActorQuery { after, limit, ..query.clone() });
            let page = page(after, limit, CHUNK_LEN, fetch, |row| row.id.clone(), &|row| row.into()).await?;
            Ok(v1::ListActorsResponse { actors: page.rows, next_page_token: page.next })
        };
        call.run(work).await
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteActorRequest>,
    ) -> Result<Response<v1::DeleteActorResponse>, Status> {
        let call = Call::of(&self.0, Method::DeleteActor, &request)?;
        let work = async {
            let v1::DeleteActorRequest { actor, parent } = request.get_ref();
            let actor = callboard_wire::pb::convert::actor_id(actor, parent)?;
            self.0.doors.operator.delete(actor).await?;
            Ok(v1::DeleteActorResponse {})
        };
        call.run(work).await
    }
}

/// Invokes, or accepts, what a client asks. Everything up to the port is done before this returns, so that calls that are made
/// one after the other arrive in that order.
pub(super) fn invoke(
    door: &Door,
    principal: &Principal,
    asked: v1::InvokeRequest,
    deadline: Instant,
    trace: TraceContext,
) -> impl Future<Output = Result<v1::InvokeResponse, Error>> + Send + use<> {
    let (invocation, detached, json) = match invocation(door, principal, asked, deadline, trace) {
        Ok(invocation) => invocation,
        Err(error) => return futures_util::future::ready(Err(error)).left_future(),
    };
    if detached {
        let accepted = door.doors.dispatcher.post(invocation);
        return async move { Ok(convert::accepted(accepted.await?)) }.left_future().right_future();
    }
    let reply = door.doors.dispatcher.invoke(invocation);
    let descriptors = door.doors.descriptors.clone();
    async move { Ok(convert::replied(&reply.await?, json, &descriptors)) }.right_future().right_future()
}

// What is asked, whether it is only to be accepted, and whether the response is wanted as JSON.
fn invocation(
    door: &Door,
    principal: &Principal,
    asked: v1::InvokeRequest,
    deadline: Instant,
    trace: TraceContext,
) -> Result<(Invocation, bool, bool), Error> {
    let Asked { target, action, payload, key, headers, detached, json } = asked.try_into()?;
    let declared = door.declared.get(target.declared());
    let declared = declared.and_then(|declaration| Some(&declaration.actions[declaration.action(&action)?].name));
    // Who may not invoke it does not learn whether it is there.
    permit::invoke(principal, &target, declared.unwrap_or(&action))?;
    let choose = |name: Option<&str>, value: &_| declared_type(door, target.declared(), &action, name, value);
    let payload = payload.into_payload(&door.doors.descriptors, choose)?;
    let trace = Some(trace);
    let invocation = Invocation { target, action, payload, deadline, key, headers, trace, chain: CallChain::new() };
    Ok((invocation, detached, json))
}

// The type as which an action takes a JSON payload.
fn declared_type(
    door: &Door,
    actor: &str,
    action: &str,
    name: Option<&str>,
    value: &serde_json::Value,
) -> Result<TypeRef, Error> {
    let Some(declaration) = door.declared.get(actor) else {
        let text = format!("no actor {actor:?} is declared here; System.Catalogue lists the declared ones");
        return Err(Error::new(Code::ActorNotFound, text));
    };
    match declaration.action(action) {
        Some(at) => door.doors.descriptors.choose(&declaration.actions[at].handlers, name, value),
        None if STATE_ACTIONS.contains(&fold(action).as_str()) => door.doors.descriptors.resolve(name, value),
        None => {
            let known: Vec<&str> = declaration.actions.iter().map(|action| action.name.as_str()).collect();
            let text = format!("the actor {actor} has no action {action:?}; it has {}", known.join(", "));
            Err(Error::new(Code::ActionNotFound, text))
        }
    }
}
