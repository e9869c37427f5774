/* Special functions, with SciPy's answers at poles. */
#include <slab/compute/kernel/elementwise_impl.h>

#include <math.h>

/* Negative whole numbers are poles without a limit. */
static inline double gamma_of(double x)
{
    if (x < 0 && x == floor(x))
        return (double)NAN;
    return tgamma(x);
}

static inline double gammaln_of(double x)
{
    int sign;
    return lgamma_r(x, &sign); /* lgamma() writes a global */
}

/* f32 through f64: rounded once, and the C library's float versions are no faster. */
EACH_FLOAT(PLAIN_UNARY, gamma, gamma_of((double)x))
TABLE(gamma, FLOAT_ROWS(gamma))
EACH_FLOAT(PLAIN_UNARY, gammaln, gammaln_of((double)x))
TABLE(gammaln, FLOAT_ROWS(gammaln))
FLOAT_CALLS(PLAIN_UNARY, erf, erf)
TABLE(erf, FLOAT_ROWS(erf))
FLOAT_CALLS(PLAIN_UNARY, erfc, erfc)
TABLE(erfc, FLOAT_ROWS(erfc))
