// What the tests in C++ have in common with each other and with those in C.

#ifndef COMMON_HPP
#define COMMON_HPP

#include "common.h"

#include <longwave.hpp>

// The status that a call fails with.
template <typename Call> static lw_status failure(Call call)
{
    try {
        call();
    } catch (const longwave::error &error) {
        CHECK(error.what()[0] && error.status_name()[0] == 'L');
        return error.status();
    }
    return LW_OK;
}

#endif
