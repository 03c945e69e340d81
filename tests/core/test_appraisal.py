"""The appraisal of what needs no symbol."""

from tests.core.builders import make_case, make_report

from hybrid_bridge.core.appraisal import account_only
from hybrid_bridge.core.risk import judge


def test_an_account_alone_carries_the_report_and_knows_nothing_else() -> None:
    report = make_report()

    appraisal = account_only(report)

    assert appraisal.report == report
    unknown = (appraisal.spec, appraisal.quote, appraisal.loss_at_stop, appraisal.margin)
    assert unknown == (None, None, None, None)
    assert (appraisal.reference_volume, appraisal.commission_per_lot) == (0.0, 0.0)


def test_an_account_alone_is_not_enough_for_an_entry() -> None:
    denials = judge(make_case(appraisal=account_only(make_report())))

    assert [denial.check for denial in denials] == ["symbol_allowed", "quote_fresh"]
