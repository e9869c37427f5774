/* SLAB_CLONES: the compiler makes a function once per instruction set; the best is chosen when the
 * program is loaded. Sanitizers cannot run before that, so they get the plain one. */
#ifndef SLAB_STORAGE_BASE_CLONES_H
#define SLAB_STORAGE_BASE_CLONES_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLAB_NO_CLONES
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SLAB_NO_CLONES
#endif

#if defined(__x86_64__) && !defined(SLAB_NO_CLONES)
#define SLAB_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SLAB_CLONES
#endif

#endif
