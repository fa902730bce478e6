// Removes the prefix by which the pages' own origin tells the API from files. The API has its paths at the root.
function handler(event) {
  var request = event.request;
  request.uri = request.uri.replace(/^\/v1\/?/, '/');
  return request;
}
