/* SLAB_SANITIZED: this is built with the sanitizer of addresses or that of threads;
 * SLAB_SANITIZED_ADDRESS: with the former. 0 or 1. GCC says so by macros of its own, clang when it
 * is asked. */
#ifndef SLAB_STORAGE_BASE_SANITIZER_H
#define SLAB_STORAGE_BASE_SANITIZER_H

#ifdef __has_feature
#define SLAB_SANITIZED_ADDRESS __has_feature(address_sanitizer)
#define SLAB_SANITIZED         (SLAB_SANITIZED_ADDRESS || __has_feature(thread_sanitizer))
#else
#ifdef __SANITIZE_ADDRESS__
#define SLAB_SANITIZED_ADDRESS 1
#else
#define SLAB_SANITIZED_ADDRESS 0
#endif
#ifdef __SANITIZE_THREAD__
#define SLAB_SANITIZED 1
#else
#define SLAB_SANITIZED SLAB_SANITIZED_ADDRESS
#endif
#endif

#endif
