//! A relay that lies: refused with a sentence that helps, nothing posted, the tip kept.

use data_encoding::BASE64;
use serde_json::Value;
use sotto_core::{
    sitting::{Person, SittingError},
    transport::Response,
};
use sotto_protocol::{
    bundle::{Pin, VerifyError},
    id::Fingerprint,
};
use sotto_tests::{
    machines::{DeskMachine, Phone, sit_with_pin},
    world::{Backend, World},
};

const TIP: &str = "The tip that must not be lost.";

sotto_tests::on_every_backend!(
    a_wrong_fingerprint(1),
    another_lines_bundle(2),
    an_expired_bundle(4),
    a_rolled_back_bundle(5),
    a_swapped_prekey(6),
    a_desk_statement_of_another_line(7),
    no_prekey_at_all(9),
    no_bundle_but_something_else(10),
    a_clock_that_is_behind(40),
);

struct Scene<'w> {
    world: &'w mut World,
    desk: DeskMachine,
    phone: Phone,
}

fn begin(world: &mut World) -> Scene<'_> {
    let mut desk = DeskMachine::join(world);
    desk.run(world, 600);
    let phone = Phone::new(world);
    world.seen();
    Scene { world, desk, phone }
}

impl Scene<'_> {
    /// What the relay says about itself now.
    fn bundle(&self) -> Vec<u8> {
        self.world.relay().bundle().unwrap().json
    }

    /// From now on this is its bundle.
    fn serve(&self, bundle: Vec<u8>) {
        self.world.tamper(move |request, response| {
            if request.target.ends_with("/bundle") {
                return Response {
                    status: 200,
                    cycles: Some("0,0".into()),
                    body: bundle.clone(),
                };
            }
            response
        });
    }

    fn must_refuse(&mut self, pin: Pin, why: VerifyError) {
        self.phone.write(TIP);
        self.world.seen();
        let mut tipster = self.phone.tipster();
        let mut people = [Person {
            tipster: &mut tipster,
            keeper: &mut self.phone.memory,
        }];
        let sat = sit_with_pin(self.world, pin, &mut people, &mut self.phone.rng, |_| true);
        let error = sat.unwrap_err();
        assert_eq!(error, SittingError::Bundle(why));
        assert!(error.to_string().len() > 40, "not a sentence: {error}");
        let seen = self.world.seen();
        let asked: Vec<&str> = seen.iter().map(|seen| seen.what.as_str()).collect();
        assert_eq!(
            asked,
            ["GET bundle"],
            "nothing but the bundle was asked for"
        );
        assert!(self.phone.tipster().is_waiting(), "the tip is kept");
    }

    /// Once the relay tells the truth again, the tip goes out by itself.
    fn must_recover(mut self) {
        self.world.tamper(|_, response| response);
        self.phone.sit(self.world).unwrap();
        self.desk.round(self.world).unwrap();
        assert_eq!(self.desk.texts(1), [TIP]);
    }
}

fn a_wrong_fingerprint(world: &mut World) {
    let mut scene = begin(world);
    let pin = Pin {
        fingerprint: Fingerprint([7; 32]),
        ..scene.world.pin()
    };
    scene.must_refuse(pin, VerifyError::Fingerprint);
    scene.must_recover();
}

fn another_lines_bundle(world: &mut World) {
    let mut scene = begin(world);
    let mut elsewhere = World::new(Backend::Embedded, 3);
    let other = begin(&mut elsewhere);
    scene.serve(other.bundle());
    scene.must_refuse(scene.world.pin(), VerifyError::Line);
    scene.must_recover();
}

fn an_expired_bundle(world: &mut World) {
    let mut scene = begin(world);
    scene.serve(scene.bundle());
    scene.world.clock.pass(61 * 86_400);
    scene.must_refuse(scene.world.pin(), VerifyError::Expired);
    scene.world.publish();
    scene.world.tamper(|_, response| response);
    scene.desk.round(scene.world).unwrap();
    scene.must_recover();
}

fn a_rolled_back_bundle(world: &mut World) {
    let mut scene = begin(world);
    let yesterday = scene.bundle();
    scene.world.clock.pass(86_400);
    scene.desk.round(scene.world).unwrap();
    scene.world.clock.pass(10);
    scene.phone.sit(scene.world).unwrap();
    scene.serve(yesterday);
    scene.must_refuse(scene.world.pin(), VerifyError::RolledBack);
    scene.must_recover();
}

fn a_swapped_prekey(world: &mut World) {
    let mut scene = begin(world);
    let mut bundle: Value = serde_json::from_slice(&scene.bundle()).unwrap();
    for desk in bundle["desks"].as_array_mut().unwrap() {
        let payload = BASE64.decode(desk["payload"].as_str().unwrap().as_bytes());
        let mut statement: Value = serde_json::from_slice(&payload.unwrap()).unwrap();
        statement["prekey"] = BASE64.encode(&[9; 1216]).into();
        desk["payload"] = BASE64.encode(statement.to_string().as_bytes()).into();
    }
    scene.serve(bundle.to_string().into_bytes());
    scene.must_refuse(scene.world.pin(), VerifyError::Signature);
    scene.must_recover();
}

fn a_desk_statement_of_another_line(world: &mut World) {
    let mut scene = begin(world);
    let mut elsewhere = World::new(Backend::Embedded, 8);
    let other: Value = serde_json::from_slice(&begin(&mut elsewhere).bundle()).unwrap();
    let mut bundle: Value = serde_json::from_slice(&scene.bundle()).unwrap();
    bundle["desks"] = other["desks"].clone();
    scene.serve(bundle.to_string().into_bytes());
    scene.must_refuse(scene.world.pin(), VerifyError::Signature);
    scene.must_recover();
}

fn no_prekey_at_all(world: &mut World) {
    let mut scene = begin(world);
    let mut bundle: Value = serde_json::from_slice(&scene.bundle()).unwrap();
    bundle["desks"] = Value::Array(Vec::new());
    scene.serve(bundle.to_string().into_bytes());
    scene.must_refuse(scene.world.pin(), VerifyError::NoPrekey);
    scene.must_recover();
}

fn no_bundle_but_something_else(world: &mut World) {
    let mut scene = begin(world);
    for junk in [&b""[..], b"{}", b"<html>", &vec![0xff; 600_000]] {
        scene.serve(junk.to_vec());
        scene.must_refuse(scene.world.pin(), VerifyError::Malformed);
        scene.phone = Phone::new(scene.world);
    }
    scene.phone.write(TIP);
    scene.must_recover();
}

/// A phone whose date is a day behind sends; one that is further behind says so and keeps the tip.
fn a_clock_that_is_behind(world: &mut World) {
    let mut scene = begin(world);
    scene.world.clock.pass(4 * 86_400);
    scene.desk.round(scene.world).unwrap();
    scene.world.clock.pass(10);
    // What the relay shows is right; from here on the world's clock is the phone's.
    scene.serve(scene.bundle());
    scene.world.clock.back(2 * 86_400);
    scene.must_refuse(scene.world.pin(), VerifyError::Clock);
    scene.world.clock.pass(86_400);
    scene.phone.sit_at_once(scene.world).unwrap();
    assert!(!scene.phone.tipster().is_waiting(), "a day is forgiven");
    scene.world.clock.pass(86_400);
    scene.must_recover();
}
