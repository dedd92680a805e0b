#include "probe/model/vantage.h"

enum inside vantage_why_inside(const struct endpoint_result *result,
                               const struct vantage_known *vantage)
{
    if (vantage->declared == VANTAGE_INSIDE) {
        return INSIDE_DECLARED;
    }
    if (result->source.family == ADDRESS_NONE) {
        return INSIDE_NOT;
    }
    if (address_equal(&result->source, &result->endpoint.address)) {
        return INSIDE_SAME_ADDRESS;
    }
    if (result->milter.observed && result->milter.role == TOKEN_ROLE_INSIDE) {
        return INSIDE_SEEN;
    }
    return vantage->site != NULL && site_trusts(vantage->site, &result->source) ? INSIDE_TRUSTED
                                                                                : INSIDE_NOT;
}

bool vantage_is_inside(const struct endpoint_result *result, const struct vantage_known *vantage)
{
    return vantage_why_inside(result, vantage) != INSIDE_NOT;
}
