"""Does a rule's log source fit an event's? (Sigma 2.1 "Log source")"""

from correlator.rule import RuleSource
from model import LogSource


def fits(rule: RuleSource, event: LogSource) -> bool:
    """Every part that the rule names must be the event's; an event may be of several categories. Case does not count."""
    return (
        (not rule.product or rule.product == event.product.lower())
        and (not rule.service or rule.service == event.service.lower())
        and (not rule.category or rule.category in map(str.lower, event.categories))
    )


def may_fit(rule: RuleSource, event: LogSource) -> bool:
    """As ``fits``, but what the event does not tell excludes no rule: product, or service and category together."""
    known = LogSource(
        product=event.product or rule.product,
        categories=event.categories if event.categories or event.service else (rule.category,),
        service=event.service if event.categories or event.service else rule.service,
    )
    return fits(rule, known)
