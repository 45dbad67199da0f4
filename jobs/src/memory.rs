//! Keeps glibc's allocator from holding on to memory that nothing uses.

/// Arenas of the allocator. By default each thread may get one of its own, eight a core, and what is freed in one is of
/// no use to the others: a run over many files then keeps several times the memory that is in use.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ARENAS: libc::c_int = 2;

/// Sets the number of arenas, unless the environment does (`MALLOC_ARENA_MAX`); call it before any thread is started.
/// Other allocators are left as they are.
pub fn bound_arenas() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if std::env::var_os("MALLOC_ARENA_MAX").is_none() {
        // SAFETY: `mallopt` takes two numbers and touches the allocator's own settings only; no other thread runs yet.
        #[allow(unsafe_code)]
        let set = unsafe { libc::mallopt(libc::M_ARENA_MAX, ARENAS) };
        if set == 0 {
            tracing::debug!("the allocator takes no number of arenas");
        }
    }
}
