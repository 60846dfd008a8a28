import pytest
from django.http import HttpResponse, JsonResponse

from config.security import POLICY, ContentSecurityPolicy


@pytest.mark.parametrize("path", ["/", "/cart", "/p/22386/jumbo-bag"])
def test_pages_of_the_shop_load_nothing_from_elsewhere(rf, path):
    response = ContentSecurityPolicy(lambda request: HttpResponse("page"))(rf.get(path))

    assert response["Content-Security-Policy"] == POLICY
    assert "unsafe" not in POLICY


@pytest.mark.parametrize("path", ["/admin/", "/api/docs"])
def test_the_admin_and_the_api_documents_keep_their_inline_scripts(rf, path):
    response = ContentSecurityPolicy(lambda request: HttpResponse("page"))(rf.get(path))

    assert "Content-Security-Policy" not in response


def test_what_is_no_page_has_no_policy(rf):
    response = ContentSecurityPolicy(lambda request: JsonResponse({}))(rf.get("/my-data/export"))

    assert "Content-Security-Policy" not in response
