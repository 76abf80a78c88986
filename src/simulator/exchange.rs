//! One exchange from end to end: misfortunes on the way in, the world, misfortunes on the way out.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Simulator,
    answer::{Answer, Failure, empty},
    asked::{Asked, View},
    clock::{http_date, micros},
    door,
    faults::Misfortune,
    limiter::Excess,
    scenario::seconds,
    statements::uuid,
    world::{Late, World},
};
use crate::cloud::{HttpRequest, HttpResponse, Method, TransportError};

/// How many requests are kept for [`Simulator::requests`].
const REMEMBERED: usize = 100_000;

/// What the client receives.
pub(super) enum Delivery {
    /// The whole response.
    Whole(HttpResponse),
    /// The head, and so many bytes of the body; then the connection breaks.
    Cut(HttpResponse, usize),
    /// Nothing: the connection breaks.
    Nothing(TransportError),
}

impl Simulator {
    /// Carries out `request` of the client at `address`.
    pub(super) async fn exchange(&self, request: HttpRequest, address: &str) -> Delivery {
        let Some(asked) = Asked::of(request.method, &request.url, &request.body) else {
            return Delivery::Nothing(TransportError::BeforeSending(format!("`{}` is no URL", request.url)));
        };
        let (guest, misfortune) = match self.receive(&request, &asked, address) {
            Ok(let_in) => let_in,
            Err(delivery) => return delivery,
        };
        let (delivery, wait) = match misfortune {
            Some(Misfortune::SlowEffect(after)) => self.act_later(request, asked, after).await,
            misfortune => self.act(&request, asked, misfortune),
        };
        if let Some(wait) = wait {
            tokio::time::sleep(wait).await;
        }
        drop(guest);
        delivery
    }

    /// Counts the request, and lets misfortunes of the way in and the limits have their say: lets it in, with the
    /// misfortune that it is still to meet, or tells what it is to receive instead.
    fn receive<'a>(
        &'a self,
        request: &HttpRequest,
        asked: &Asked,
        address: &'a str,
    ) -> Result<(Guest<'a>, Option<Misfortune>), Delivery> {
        let mut inside = self.inside();
        inside.world.advance();
        let misfortune = inside.world.faults.meet(request.method, &asked.path, || names(asked));
        if misfortune == Some(Misfortune::Refused) {
            return Err(Delivery::Nothing(TransportError::BeforeSending("connection refused".to_owned())));
        }
        inside.remember(request.method, &asked.path);
        if misfortune == Some(Misfortune::LostBeforeEffect) {
            return Err(Delivery::Nothing(reset()));
        }
        let limits = inside.world.options.limits;
        if let Err(excess) = inside.limiter.enter(address, &limits) {
            let answer = too_many(Some(excess), inside.world.options.switches.retry_after);
            return Err(Delivery::Whole(inside.finish(answer)));
        }
        Ok((Guest { simulator: self, address }, misfortune))
    }

    /// The world acts after a while, whether or not the client still waits by then.
    async fn act_later(&self, request: HttpRequest, asked: Asked, after: f64) -> (Delivery, Option<Duration>) {
        let simulator = self.clone();
        let task = tokio::spawn(async move {
            tokio::time::sleep(seconds(after)).await;
            simulator.act(&request, asked, None)
        });
        task.await.unwrap_or_else(|_| (Delivery::Nothing(reset()), None))
    }

    /// The world acts, all at once, and tells its log before anything is answered.
    fn act(
        &self,
        request: &HttpRequest,
        mut asked: Asked,
        misfortune: Option<Misfortune>,
    ) -> (Delivery, Option<Duration>) {
        let mut inside = self.inside();
        let inside = &mut *inside;
        let world = &mut inside.world;
        world.advance();
        let owner = door::owner(&asked, &request.headers, &world.options);
        asked.view = view(misfortune.as_ref());
        let result = match owner {
            Err(failure) => Err(failure),
            Ok(owner) => {
                asked.owner = owner;
                match before(world, &asked, misfortune.as_ref()) {
                    Some(Instead::Lost) => {
                        drop(world.commit());
                        return (Delivery::Nothing(reset()), None);
                    }
                    Some(Instead::Answer(answer)) => Ok(answer),
                    Some(Instead::Failure(failure)) => Err(failure),
                    None => door::answer(world, &asked),
                }
            }
        };
        let result = match world.commit() {
            Ok(()) => result,
            Err(error) => Err(Failure::new(500, format!("the simulated world cannot be written: {error}"))),
        };
        let id = uuid(&mut inside.random);
        let answer = result.unwrap_or_else(|failure| failure.answer(&id));
        let wait = match misfortune {
            Some(Misfortune::SlowAnswer(after)) => Some(seconds(after)),
            _ => None,
        };
        let delivery = match after(answer, misfortune, &id) {
            Delivery::Whole(answer) => Delivery::Whole(inside.finish(answer)),
            Delivery::Cut(answer, keep) => Delivery::Cut(inside.finish(answer), keep),
            nothing @ Delivery::Nothing(_) => nothing,
        };
        (delivery, wait)
    }
}

/// Whoever was let in leaves, whatever becomes of the exchange: a client may give up on it.
struct Guest<'a> {
    simulator: &'a Simulator,
    address: &'a str,
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        self.simulator.inside().limiter.leave(self.address);
    }
}

impl super::Inside {
    /// Notes that a request came in; only so many are kept.
    fn remember(&mut self, method: Method, path: &str) {
        if self.requests.len() >= REMEMBERED {
            self.requests.pop_front();
        }
        self.requests.push_back((method, path.to_owned()));
    }

    /// The headers that every answer bears.
    fn finish(&mut self, mut answer: Answer) -> HttpResponse {
        answer.headers.push("Date", http_date(self.world.moment));
        answer.headers.push("X-Request-Id", uuid(&mut self.random));
        answer
    }
}

fn reset() -> TransportError {
    TransportError::AfterSending("connection reset before the answer".to_owned())
}

/// What a request is about: names and ids in its path and its body.
fn names(asked: &Asked) -> Vec<String> {
    let mut names: Vec<_> = asked.path.split('/').skip(3).map(str::to_owned).collect();
    if let Ok(body) = asked.body() {
        let named = ["/name", "/spec/display_name"].into_iter().filter_map(|pointer| body.pointer(pointer));
        names.extend(named.filter_map(Value::as_str).map(str::to_owned));
    }
    names
}

fn view(misfortune: Option<&Misfortune>) -> View {
    View {
        stale: misfortune == Some(&Misfortune::StaleRead),
        lag: match misfortune {
            Some(Misfortune::ListLag(lag)) => Some(micros(seconds(*lag))),
            _ => None,
        },
        shifting: misfortune == Some(&Misfortune::ShiftingPages),
        endless: misfortune == Some(&Misfortune::EndlessPages),
    }
}

/// What comes instead of what was asked.
enum Instead {
    Answer(Answer),
    Failure(Failure),
    Lost,
}

fn before(world: &mut World, asked: &Asked, misfortune: Option<&Misfortune>) -> Option<Instead> {
    let page = |kind: &str, body: &str| {
        let mut answer = empty(200);
        answer.headers.push("Content-Type", kind);
        answer.body = body.as_bytes().to_vec();
        Instead::Answer(answer)
    };
    Some(match misfortune? {
        Misfortune::TooMany { retry_after } => {
            let excess = retry_after.map(|wait| Excess { limit: world.options.limits.per_second, wait });
            Instead::Answer(too_many(excess, true))
        }
        Misfortune::Status(status) => Instead::Failure(status_failure(*status)),
        Misfortune::Forbidden => Instead::Failure(status_failure(403)),
        Misfortune::Conflict => Instead::Failure(
            Failure::new(409, "The resource has changed since it was fetched").coded("conflict", "Conflict"),
        ),
        Misfortune::Html => {
            page("text/html", "<!DOCTYPE html>\n<html><body><h1>Sign in to the network</h1></body></html>\n")
        }
        Misfortune::Garbage => page("application/json", "{\"api_version\": \"sql/v1\", \u{0}"),
        Misfortune::Redirect(origin) => {
            let url = asked.at_origin(origin);
            let mut answer = empty(307);
            answer.headers.push("Location", url);
            Instead::Answer(answer)
        }
        Misfortune::LostThenDone(after) => {
            let due = world.moment.saturating_add(micros(seconds(*after)));
            world.put_late(Late {
                due,
                method: asked.method.as_str().to_owned(),
                url: asked.at_origin(&asked.origin),
                owner: asked.owner.clone(),
                body: String::from_utf8_lossy(&asked.body).into_owned(),
            });
            Instead::Lost
        }
        _ => return None,
    })
}

fn after(mut answer: Answer, misfortune: Option<Misfortune>, id: &str) -> Delivery {
    match misfortune {
        Some(Misfortune::LostAfterEffect) => return Delivery::Nothing(reset()),
        Some(Misfortune::StatusAfterEffect(status)) => return Delivery::Whole(status_failure(status).answer(id)),
        Some(Misfortune::CutBody(keep)) => return Delivery::Cut(answer, keep),
        Some(Misfortune::ForbiddenForAbsent) if answer.status == 404 => {
            return Delivery::Whole(status_failure(403).answer(id));
        }
        Some(Misfortune::UnknownFields) => rewrite(&mut answer, &mut estrange),
        Some(Misfortune::UnknownPhase(phase)) => rewrite(&mut answer, &mut |value| set_phase(value, &phase)),
        _ => {}
    }
    Delivery::Whole(answer)
}

fn rewrite(answer: &mut Answer, change: &mut dyn FnMut(&mut Value)) {
    if let Ok(mut body) = serde_json::from_slice(&answer.body) {
        change(&mut body);
        answer.body = body.to_string().into_bytes();
    }
}

/// Fields that no client has heard of everywhere, and `null` for empty maps.
fn estrange(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(estrange),
        Value::Object(fields) if fields.is_empty() => *value = Value::Null,
        Value::Object(fields) => {
            // The entries of maps are names of the user's, not fields of the API's.
            let maps = ["labels", "properties", "latest_offsets"];
            let strange = |(name, value): (&String, &Value)| !maps.contains(&name.as_str()) || *value == json!({});
            fields.iter_mut().filter(|(name, value)| strange((name, value))).for_each(|(_, value)| estrange(value));
            fields.insert("x_never_heard_of".to_owned(), json!({ "depth": [1, null, "two"] }));
        }
        _ => {}
    }
}

fn set_phase(value: &mut Value, phase: &str) {
    let set = |item: &mut Value| {
        if let Some(held) = item.pointer_mut("/status/phase") {
            *held = Value::from(phase);
        }
    };
    set(value);
    if let Some(Value::Array(items)) = value.get_mut("data") {
        items.iter_mut().for_each(set);
    }
}

fn status_failure(status: u16) -> Failure {
    let (code, title, detail) = match status {
        401 => ("user_unauthenticated", "Authentication Required", "Valid authentication credentials must be provided"),
        403 => ("user_unauthorized", "User Access Unauthorized", "The user is not allowed to access the resource."),
        404 => ("not_found", "Not Found", "Not Found"),
        409 => ("conflict", "Conflict", "The request is in conflict with the current server state"),
        503 => ("service_unavailable", "Service Unavailable", "The service is temporarily unavailable"),
        500.. => ("internal_server_error", "Internal Server Error", "Oops, something went wrong!"),
        _ => ("bad_request", "Bad Request", "Bad Request"),
    };
    Failure::new(status, detail).coded(code, title)
}

/// 429 has no body, by the API's document.
fn too_many(excess: Option<Excess>, tells: bool) -> Answer {
    let mut answer = empty(429);
    if let Some(Excess { limit, wait }) = excess.filter(|_| tells) {
        answer.headers.push("Retry-After", wait.to_string());
        answer.headers.push("X-RateLimit-Limit", limit.to_string());
        answer.headers.push("X-RateLimit-Remaining", "0");
        answer.headers.push("X-RateLimit-Reset", wait.to_string());
    }
    answer
}
