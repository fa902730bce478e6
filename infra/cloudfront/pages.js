// Answers the paths of the pages' own routes with the page that has the route. Files are what they are. A name with a
// dot that is no file is not found. Deeper names may have dots, because a route's parameter may.
var FILES = /^\/(assets\/.+|config\.json|favicon\.ico|robots\.txt|(console\/)?index\.html)$/;
var NOT_FOUND =
  '<!doctype html><html lang="en"><title>Not found</title>' +
  '<h1>There is no such file</h1><p><a href="/">Start page</a></p></html>';

function handler(event) {
  var request = event.request;
  if (FILES.test(request.uri)) return request;
  if (/^\/(console\/)?[^/]*\.[^/]*$/.test(request.uri)) {
    return {
      statusCode: 404,
      statusDescription: 'Not Found',
      headers: { 'content-type': { value: 'text/html; charset=utf-8' }, 'cache-control': { value: 'no-cache' } },
      body: { encoding: 'text', data: NOT_FOUND },
    };
  }
  request.uri = /^\/console(\/|$)/.test(request.uri) ? '/console/index.html' : '/index.html';
  return request;
}
