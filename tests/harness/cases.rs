//! How many random cases a property is tried on: few by default, many in a soak, always the same.

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Cases of a property that has `few` in a usual run, and 16 times as many in a soak.
/// `SOTTO_CASES` in the environment sets another number for all.
pub fn count(few: u32) -> u32 {
    #[expect(
        clippy::disallowed_methods,
        reason = "a soak asks for more cases in this way"
    )]
    let wanted = std::env::var("SOTTO_CASES");
    wanted
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(if is_soak() { few * SOAK } else { few })
}

/// In proportion to the usual count, which is smaller where a case takes longer.
const SOAK: u32 = 16;

/// Whether the seeds of the fuzz targets are to be written anew: `SOTTO_RENEW_SEEDS=1`.
pub fn must_renew_seeds() -> bool {
    #[expect(
        clippy::disallowed_methods,
        reason = "after a change of format somebody asks for new seeds in this way"
    )]
    let wanted = std::env::var("SOTTO_RENEW_SEEDS");
    wanted.is_ok()
}

/// Whether this is a soak, in which a test may take minutes.
pub fn is_soak() -> bool {
    std::env::var_os("SOTTO_SOAK").is_some()
}

/// Whether SPEC 7 and `protocol/vectors` are to be written anew: `SOTTO_WRITE_VECTORS=1`.
pub fn must_write_vectors() -> bool {
    #[expect(
        clippy::disallowed_methods,
        reason = "`cargo xtask vectors` asks for them in this way"
    )]
    let wanted = std::env::var("SOTTO_WRITE_VECTORS");
    wanted.is_ok()
}

/// A runner with a fixed seed that leaves no files behind.
pub fn runner(few: u32) -> TestRunner {
    let config = Config {
        cases: count(few),
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    TestRunner::new_with_rng(config, rng)
}
