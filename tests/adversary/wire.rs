//! The adversary's relay as a device of the desk sees it: the routes of SPEC 6, without HTTP.

use std::cell::{Cell, RefCell};

use sotto_core::{
    timetable::Due,
    transport::{Method, Request, Response, Transport, Unreachable},
};
use sotto_protocol::{drain::Cursor, id::Board};

use super::net::{Conflict, Net};

/// One round's connection.
pub(crate) struct Wire<'n> {
    pub(crate) net: RefCell<&'n mut Net>,
    /// Which device it is of.
    pub(crate) device: usize,
    pub(crate) now: u64,
    /// Saves and requests until the machine is off.
    pub(crate) left: &'n Cell<Option<u32>>,
}

/// One step of a machine that has so many left. Whether it is still on.
pub(crate) fn step(left: &Cell<Option<u32>>) -> bool {
    match left.get() {
        Some(0) => false,
        Some(steps) => {
            left.set(Some(steps - 1));
            true
        }
        None => true,
    }
}

type Answer = Result<Response, Unreachable>;

const fn answer(status: u16, body: Vec<u8>) -> Response {
    Response {
        status,
        cycles: None,
        body,
    }
}

fn done(result: Result<(), Conflict>) -> Response {
    answer(result.map_or(409, |()| 204), Vec::new())
}

impl Transport for Wire<'_> {
    fn send(&self, request: &Request) -> Answer {
        if !step(self.left) {
            return Err(Unreachable::NotGiven);
        }
        let (path, query) = request.target.split_once('?').unwrap_or_default();
        let path = if path.is_empty() {
            &request.target
        } else {
            path
        };
        let parts: Vec<&str> = path.split('/').skip(3).collect();
        let body = request.body.clone();
        match (request.method, parts.as_slice()) {
            (Method::Get, ["bundle"]) => Ok(self.bundle()),
            (Method::Get, ["roster"]) => {
                let roster = self.net.borrow().line.roster.clone();
                Ok(answer(200, roster))
            }
            (Method::Put, ["statement", "desk"]) => {
                Ok(done(self.net.borrow_mut().put_statement(&body)))
            }
            (Method::Put, ["out", board, cycle, page]) => self.page(&[board, cycle, page], body),
            (Method::Get, ["in"]) => self.drain(query),
            (Method::Post, ["in", "ack"]) => {
                let cursor = Cursor::from_bytes(&body).unwrap();
                let acknowledged = self.net.borrow_mut().acknowledge(self.device, cursor);
                Ok(done(acknowledged))
            }
            (_, ["log", _]) => self.log(request.method, query, body),
            _ => panic!("no such route"),
        }
    }
}

impl Wire<'_> {
    fn bundle(&self) -> Response {
        let net = self.net.borrow();
        let [new, old] = net.served();
        Response {
            cycles: Some(format!("{new},{old}")),
            ..answer(200, net.bundle(self.now))
        }
    }

    fn page(&self, place: &[&str; 3], body: Vec<u8>) -> Answer {
        let [board, cycle, page] = place;
        let mut boards = Board::ALL.into_iter();
        let due = Due {
            board: boards.find(|known| known.name() == *board).unwrap(),
            cycle: cycle.parse().unwrap(),
            page: page.parse().unwrap(),
        };
        let net = &mut **self.net.borrow_mut();
        let put = net.put_page(due, body);
        if net.unanswered_pages > 0 {
            net.unanswered_pages -= 1;
            return Err(Unreachable::NoAnswer);
        }
        Ok(done(put))
    }

    fn drain(&self, query: &str) -> Answer {
        let net = &mut **self.net.borrow_mut();
        if net.unanswered_drains > 0 {
            net.unanswered_drains -= 1;
            return Err(Unreachable::NoAnswer);
        }
        let after = Cursor::parse(value(query, "after")).unwrap();
        let drained = net.drain(after, value(query, "max").parse().unwrap());
        Ok(match drained {
            Ok(page) => answer(200, page.to_bytes()),
            Err(Conflict) => done(Err(Conflict)),
        })
    }

    fn log(&self, method: Method, query: &str, body: Vec<u8>) -> Answer {
        let net = &mut **self.net.borrow_mut();
        if net.log.is_away(self.device) {
            return Ok(answer(503, Vec::new()));
        }
        if method == Method::Post {
            return net.append_log(body).map(done).ok_or(Unreachable::NoAnswer);
        }
        let number = |name| value(query, name).parse().unwrap();
        let page = net.read_log(number("from"), number("max"));
        Ok(answer(200, page.to_bytes()))
    }
}

fn value<'q>(query: &'q str, name: &str) -> &'q str {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).unwrap().1
}
