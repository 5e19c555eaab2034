/* After dlclose nothing of the library may be called any more. Rust's standard library registers
   destructors for thread-locals with the threads that use them, also with the host's: in one way that
   keeps the library mapped as long as such a thread lives (__cxa_thread_atexit_impl), and in one that makes
   the thread jump into unmapped memory when it ends (pthread_key_create, for keys that are never deleted).

   The linker leads the shared library's calls of these functions here (--wrap, see build.rs). All
   destructors hang on keys, and all keys are deleted when the library is unloaded. What the unloading
   thread still has is destroyed then; what other threads of the host have, a few hundred bytes each that
   ever called the library and have not ended, stays allocated and is never touched again. */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define HIDDEN __attribute__((visibility("hidden")))

typedef void destructor(void *);

/* The standard library has two keys or three. */
enum { KEYS = 16 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    pthread_key_t key;
    destructor *destroy;
} keys[KEYS];
static int key_count;

int __real_pthread_key_create(pthread_key_t *key, destructor *destroy);
int __real_pthread_key_delete(pthread_key_t key);

HIDDEN int __wrap_pthread_key_create(pthread_key_t *key, destructor *destroy)
{
    pthread_mutex_lock(&lock);
    int failed = key_count == KEYS ? EAGAIN : __real_pthread_key_create(key, destroy);
    if (!failed) {
        keys[key_count].key = *key;
        keys[key_count].destroy = destroy;
        key_count++;
    }
    pthread_mutex_unlock(&lock);
    return failed;
}

HIDDEN int __wrap_pthread_key_delete(pthread_key_t key)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < key_count; i++) {
        if (keys[i].key == key) {
            keys[i] = keys[--key_count];
            break;
        }
    }
    int failed = __real_pthread_key_delete(key);
    pthread_mutex_unlock(&lock);
    return failed;
}

/* What a thread is to destroy at its end, the last that came first. */
struct duty {
    destructor *destroy;
    void *object;
    struct duty *next;
};

static pthread_key_t duties;
static pthread_once_t duties_made = PTHREAD_ONCE_INIT;
static int has_duties;

static void do_duties(void *list)
{
    struct duty *duty = list;
    while (duty) {
        struct duty *next = duty->next;
        duty->destroy(duty->object);
        free(duty);
        duty = next;
    }
}

static void make_duties(void)
{
    has_duties = __wrap_pthread_key_create(&duties, do_duties) == 0;
}

HIDDEN int __wrap___cxa_thread_atexit_impl(destructor *destroy, void *object, void *library)
{
    (void)library;
    pthread_once(&duties_made, make_duties);
    struct duty *duty = has_duties ? malloc(sizeof *duty) : NULL;
    if (!duty) {
        return -1;
    }
    *duty = (struct duty){ destroy, object, pthread_getspecific(duties) };
    return pthread_setspecific(duties, duty);
}

/* The library is unloaded, or the process ends. */
__attribute__((destructor)) static void unload(void)
{
    /* As often as pthread_exit does: a destructor may leave something for the next round. */
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < key_count; i++) {
            void *value = pthread_getspecific(keys[i].key);
            if (value && keys[i].destroy) {
                pthread_setspecific(keys[i].key, NULL);
                keys[i].destroy(value);
            }
        }
    }
    while (key_count > 0) {
        __wrap_pthread_key_delete(keys[key_count - 1].key);
    }
}
