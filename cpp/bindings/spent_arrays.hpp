#pragma once

namespace gymreel {

/// Releases the arrays whose frames were encoded since the last call, so that the environment's next render() finds
/// their memory free again.
///
/// Thread: one that has the GIL. Errors: none.
void release_spent();

/// Allows workers to ask the main thread to call release_spent(), for arrays that are spent while nothing is written.
/// Has no effect in a subinterpreter, whose objects the main interpreter must not release.
///
/// Thread: one that has the GIL. Errors: those of Engine::instance().
void let_workers_ask();

}  // namespace gymreel
